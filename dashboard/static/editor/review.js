// From the draft to a saved version: what changes, a dry run, who and why, and what the agent says.
import { h, put } from "./dom.js";
import { DryRun } from "./dryrun.js";
import { ask, follow, newId } from "./server.js";
import { pieces, t } from "./words.js";
import { timeElement } from "../time.js";

export function diffLines(text) {
  return h("pre", { class: "diff", tabindex: "0", "aria-label": t("diff") }, text.split("\n").map((line) => {
    const kind = /^(\+\+\+|---|@@)/.test(line) ? "place" : line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "same";
    return h("span", { class: `line ${kind}` }, `${line}\n`);
  }));
}

export class Review {
  constructor(editor) {
    this.editor = editor;
    this.left = [];
    this.requestId = newId();
    this.dryRun = new DryRun(editor);
    this.outcome = h("div", { role: "status" });
    this.what = h("div", {});
    this.reason = h("textarea", { id: "reason", rows: "2", maxlength: "500", "aria-describedby": "reason-help" });
    this.button = h("button", { id: "save" }, t("save"));
    this.element = h("dialog", { class: "review", "aria-labelledby": "review-title" },
      h("div", { class: "review-head" }, h("h2", { id: "review-title" }, t("review_title")),
        h("button", { type: "button", id: "close-review", onclick: () => this.element.close() }, t("back"))),
      this.outcome, this.what, this.dryRun.element,
      h("form", { class: "save", onsubmit: (event) => this.save(event) },
        h("label", { for: "reason" }, t("reason")), this.reason,
        h("p", { class: "hint", id: "reason-help" }, t("reason_help")), this.button));
  }

  open() {
    this.outcome.replaceChildren();
    this.element.showModal();
    this.checkedAgain();
    this.editor.check();
  }

  checkedAgain() {
    if (!this.element.open) return;
    const found = this.editor.checked;
    if (found?.stale) {
      this.meanwhile();
      return;
    }
    const problems = this.editor.problems;
    const stuck = problems.length > 0 || !found?.ok || found.refused !== "";
    this.button.disabled = stuck;
    this.dryRun.enable(!stuck);
    put(this.what, problems.length ? this.problems(problems) : found ? this.steps(found) : []);
  }

  problems(problems) {
    return [h("p", { class: "notice bad" }, t("mend_first")),
      h("ul", {}, problems.map((one) => h("li", {}, h("code", {}, one.path), ` ${one.what}${one.value ? ` (${one.value})` : ""}: ${one.mend}`)))];
  }

  steps(found) {
    const words = { added: t("added"), removed: t("removed"), changed: t("changed") };
    return [
      found.refused ? h("p", { class: "notice bad" }, found.refused) : null,
      h("ul", { class: "steps" }, found.steps.map((one) => h("li", {}, h("strong", {}, words[one.how]), " ", h("code", {}, one.path),
        one.before || one.after ? ` ${[one.before, one.after].filter(Boolean).join(" → ")}` : ""))),
      found.more ? h("p", {}, t("and_more", { count: found.more })) : null,
      found.restart.length ? h("p", { class: "notice warn" }, `${t("after_restart")} ${found.restart.join("; ")}`) : null,
      h("details", { id: "review-diff", open: true }, h("summary", {}, t("diff")), diffLines(found.diff)),
    ];
  }

  // Somebody else has saved since this draft began: what they did, and what to do with one's own.
  async meanwhile() {
    if (!this.element.open) this.element.showModal();
    this.button.disabled = true;
    this.dryRun.enable(false);
    try {
      const since = await ask(`/api/v1/site/since?sha256=${this.editor.draft.base.sha256}`);
      put(this.what,
        h("p", { class: "notice warn" }, t("meanwhile")),
        h("ul", {}, since.versions.map((one) => h("li", {}, pieces("version_line", { version: one.version, actor: one.actor === "by hand" ? t("by_hand") : one.actor, at: timeElement(one.made_at), reason: one.reason || "–" })))),
        diffLines(since.diff),
        h("div", { class: "tools" },
          h("button", { type: "button", id: "take-theirs", class: "main", onclick: () => this.rebase() }, t("keep_mine")),
          h("button", { type: "button", id: "drop-mine", onclick: () => this.drop() }, t("drop_mine"))));
    } catch (error) {
      put(this.what, h("p", { class: "notice bad" }, error.message));
    }
  }

  async rebase() {
    const both = this.editor.draft.rebase(await this.editor.load());
    this.outcome.replaceChildren(h("p", { class: "notice warn" }, both.length ? `${t("both")} ${both.map((path) => path.join(".")).join(", ")}` : t("rebased")));
    this.editor.problems = [];
    await this.editor.check();
  }

  async drop() {
    this.editor.draft.discard(await this.editor.load());
    this.element.close();
    this.editor.open(this.editor.where);
  }

  async save(event) {
    event.preventDefault();
    const reason = this.reason.value.trim();
    if (!reason) {
      this.tell("refused", t("reason_missing"));
      this.reason.focus();
      return;
    }
    this.button.disabled = true;
    const { base, patch } = this.editor.draft;
    try {
      const answer = await ask("/api/v1/site/change", { base_sha256: base.sha256, patch, reason, request_id: this.requestId });
      const last = await follow(answer, (state, text) => this.tell(state, text));
      this.requestId = newId();
      if (last.state === "done") await this.saved(last);
      else if (last.state === "conflict") await this.meanwhile();
      else this.button.disabled = false;
    } catch (error) {
      this.tell("refused", error.message);
      this.button.disabled = false;
    }
  }

  async saved(last) {
    this.reason.value = "";
    this.editor.draft.discard(await this.editor.load());
    this.element.close();
    this.editor.say(`${t("saved")} ${last.text}`);
    this.editor.open(this.editor.where);
  }

  tell(state, text) {
    this.outcome.replaceChildren(h("div", { class: `outcome o-${state}` }, h("strong", { class: "outcome-word" }, t(`state_${state}`)), h("span", {}, text)));
  }
}
