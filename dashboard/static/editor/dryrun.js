// A dry run: what the draft would have raised, and no longer raised, over the last hours.
import { h, put } from "./dom.js";
import { ask, follow, newId } from "./server.js";
import { t } from "./words.js";

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

export class DryRun {
  constructor(editor) {
    this.editor = editor;
    this.hours = h("select", { id: "dry-hours", "aria-label": t("dry_hours") }, [1, 8, 24, 72, 168].map((one) => h("option", { value: String(one), selected: one === 24 }, t("hours", { hours: one }))));
    this.button = h("button", { type: "button", id: "dry-run", onclick: () => this.run() }, t("dry_run"));
    this.told = h("div", { class: "dry-told", "aria-live": "polite" });
    this.element = h("section", { class: "dry" }, h("h3", {}, t("dry_title")), h("p", { class: "hint" }, t("dry_help")), h("div", { class: "tools" }, this.hours, this.button), this.told);
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
    }
  }

  async look(id) {
    for (;;) {
      const job = await ask(`/api/v1/jobs/${id}`);
      if (job.state === "failed") return put(this.told, h("p", { class: "problem" }, job.message));
      if (job.state === "done") return put(this.told, this.result(job.result));
      put(this.told, h("p", {}, job.state === "waiting" ? t("job_waiting") : `${t("job_running")} ${Math.round(job.progress * 100)} % ${job.message}`),
        h("progress", { value: String(job.progress), max: "1", "aria-label": t("job_running") }));
      await pause(500);
    }
  }

  result(found) {
    return [h("pre", { class: "diff" }, JSON.stringify(found, null, 1))];
  }
}
