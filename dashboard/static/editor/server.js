// What the editor asks of the server: data in, data out, faults as words.
const ANSWER_MS = 2000; // the agent answers a request within this time
const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited"));

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function ask(path, body) {
  const address = new URL(path, location.origin);
  address.searchParams.set("lang", document.documentElement.lang);
  const answer = await fetch(address, {
    method: body === undefined ? "GET" : "POST",
    headers: { ...headers, "X-Fragment": "1", "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(15000),
  });
  if (answer.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    throw new Refused(401, "");
  }
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  throw new Refused(answer.status, String(data.detail ?? answer.status));
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

// Looks after a request until the agent has answered it. `tell` hears each state and its text, also
// that there is no answer in time; gives the last answer.
export async function follow(answer, tell) {
  const id = answer.status.request.request_id;
  const asked = performance.now();
  let pause = 150;
  while (!["done", "conflict", "refused"].includes(answer.state)) {
    tell(performance.now() - asked > ANSWER_MS ? "unanswered" : "pending", answer.text);
    await new Promise((resume) => {
      const timer = setTimeout(go, pause);
      document.body.addEventListener("news-request", go);
      function go() {
        clearTimeout(timer);
        document.body.removeEventListener("news-request", go);
        resume();
      }
    });
    pause = Math.min(pause * 1.5, 2000);
    try {
      answer = await ask(`/api/v1/actions/${id}`);
    } catch (error) {
      if (error.status === 404 || error.status === 403) throw error;
      answer = { ...answer, text: error.message };
    }
  }
  tell(answer.state, answer.text);
  return answer;
}
