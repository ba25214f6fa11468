// One stream for all pages of a browser: HTTP/1.1 gives a browser six connections in all.
const ports = new Set();
let source = null;

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function connect() {
  source = new EventSource("/events");
  for (const kind of ["alarm", "request", "health", "job", "beat"]) {
    source.addEventListener(kind, (event) => tell({ kind, data: JSON.parse(event.data) }));
  }
  source.addEventListener("open", () => tell({ kind: "open" }));
  source.addEventListener("error", () => {
    tell({ kind: "error", closed: source.readyState === EventSource.CLOSED });
    if (source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(() => { if (ports.size && !source) connect(); }, 2000);
    }
  });
}

self.addEventListener("connect", (event) => {
  const port = event.ports[0];
  ports.add(port);
  port.addEventListener("message", ({ data }) => {
    if (data === "bye") ports.delete(port);
    if (ports.size === 0 && source) { source.close(); source = null; }
  });
  port.start();
  if (!source) connect();
  else if (source.readyState === EventSource.OPEN) port.postMessage({ kind: "open" });
});
