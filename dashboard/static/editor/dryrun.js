// A dry run: what the draft would have raised, and no longer raised, over the last hours.
import { h, put } from "./dom.js";
import { ask, follow, newId } from "./server.js";
import { t } from "./words.js";
import { number, timeElement } from "../time.js";

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

export class DryRun {
  constructor(editor) {
    this.editor = editor;
    this.hours = h("select", { id: "dry-hours", "aria-label": t("dry_hours") }, [1, 8, 24, 72, 168].map((one) => h("option", { value: String(one), selected: one === 24 }, t("hours", { hours: one }))));
    this.button = h("button", { type: "button", id: "dry-run", onclick: () => this.run() }, t("dry_run"));
    this.stop = h("button", { type: "button", id: "dry-stop", hidden: true, onclick: () => this.cancel() }, t("job_cancel"));
    this.told = h("div", { class: "dry-told", "aria-live": "polite" });
    this.element = h("section", { class: "dry" }, h("h3", {}, t("dry_title")), h("p", { class: "hint" }, t("dry_help")), h("div", { class: "tools" }, this.hours, this.button, this.stop), this.told);
  }

  enable(on) {
    this.button.disabled = !on || this.running === true;
  }

  async run() {
    this.running = true;
    this.button.disabled = true;
    try {
      const body = { kind: "dry_run", hours: Number(this.hours.value), patch: this.editor.draft.patch, request_id: newId() };
      const answer = await follow(await ask("/api/v1/jobs", body), (state, text) => put(this.told, h("p", {}, text)));
      if (answer.state !== "done") return;
      await this.look(answer.status.values.job_id);
    } catch (error) {
      put(this.told, h("p", { class: "problem" }, error.message));
    } finally {
      this.running = false;
      this.button.disabled = false;
      this.stop.hidden = true;
    }
  }

  async cancel() {
    this.stop.hidden = true;
    try {
      await ask(`/api/v1/jobs/${this.job}/cancel`, { request_id: newId() });
    } catch (error) {
      put(this.told, h("p", { class: "problem" }, error.message));
    }
  }

  async look(id) {
    this.job = id;
    this.stop.hidden = false;
    for (;;) {
      const job = await ask(`/api/v1/jobs/${id}`);
      if (job.state === "failed") return put(this.told, h("p", { class: "problem" }, job.told));
      if (job.state === "cancelled") return put(this.told, h("p", {}, t("job_cancelled")));
      if (job.state === "done") return put(this.told, this.result(job.result));
      put(this.told, h("p", {}, job.state === "waiting" ? job.told : `${t("job_running")} ${Math.round(job.progress * 100)} % ${job.told}`),
        h("progress", { value: String(job.progress), max: "1", "aria-label": t("job_running") }));
      await pause(500);
    }
  }

  result(found) {
    const { coverage, raised, no_longer: gone, rerated, unchanged } = found;
    const asked = (Date.parse(coverage.asked.to_at) - Date.parse(coverage.asked.from_at)) / 3600000;
    const blind = Object.entries(coverage.sources).filter(([, hours]) => hours === 0).map(([name]) => name);
    return [
      h("p", { class: coverage.covered_h < asked * 0.95 ? "notice warn" : "" }, t("dry_coverage", { hours: number(coverage.covered_h), asked: number(asked, 0) })),
      blind.length ? h("p", { class: "notice warn" }, t("dry_blind", { names: blind.join(", ") })) : null,
      coverage.gaps.length ? h("p", {}, t("dry_gaps"), " ", coverage.gaps.slice(0, 5).map((gap, at) => [at ? "; " : "", timeElement(gap.from_at), " – ", timeElement(gap.to_at)])) : null,
      h("h4", {}, t("dry_raised", { count: raised.total })), this.table(raised),
      h("h4", {}, t("dry_gone", { count: gone.total })), this.table(gone, true),
      rerated.total ? h("h4", {}, t("dry_rerated", { count: rerated.total })) : null,
      rerated.total ? this.table({ total: rerated.total, examples: rerated.examples.map((pair) => ({ ...pair.after, was: pair.before.default })) }, true) : null,
      h("p", {}, t("dry_same", { count: unchanged })),
      found.not_tried.length ? h("div", {}, h("p", {}, t("dry_not")), h("ul", {}, found.not_tried.map((one) => h("li", {}, one)))) : null,
    ];
  }

  // `raised`: they were raised live, too, and stand in the list of alarms.
  table({ total, examples }, raised = false) {
    if (!examples.length) return null;
    const { forms } = this.editor;
    const row = (one) => h("tr", {},
      h("td", {}, raised ? h("a", { href: listed(one), target: "_blank", rel: "noopener" }, forms.hazards[one.hazard] ?? one.hazard) : forms.hazards[one.hazard] ?? one.hazard),
      h("td", {}, [one.area, one.zone, one.line, one.sources.join(", ")].filter(Boolean).join(" · ")),
      h("td", { class: "num" }, timeElement(one.started_at), " – ", one.ended_at ? timeElement(one.ended_at) : t("dry_stands")),
      h("td", {}, `${one.was ? `${t(`severity_${one.was}`)} → ` : ""}${t(`severity_${one.default}`)}`));
    return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": t("dry_title") },
      h("table", {},
        h("thead", {}, h("tr", {}, ["dry_what", "dry_where", "dry_when", "dry_severity"].map((key) => h("th", {}, t(key))))),
        h("tbody", {}, examples.map(row))),
      total > examples.length ? h("p", { class: "hint" }, t("and_more", { count: total - examples.length })) : null);
  }
}

function listed({ area, hazard, started_at: at }) {
  const around = (ms) => new Date(Date.parse(at) + ms).toISOString();
  return `/alarms?${new URLSearchParams({ show: "all", area, hazard, since: around(-60000), until: around(60000) })}`;
}
