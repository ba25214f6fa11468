// The change that is being made: the file as it was, as it shall be, and the way back.
const KEEP = `hazard-site-draft:${document.getElementById("editor").dataset.person}`; // nobody else's
const STEPS = 100;

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// JSON Merge Patch (RFC 7396) that makes `after` of `before`.
export function mergePatch(before, after) {
  const patch = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const [key, value] of Object.entries(after)) {
    if (isObject(value) && isObject(before[key])) {
      const inner = mergePatch(before[key], value);
      if (Object.keys(inner).length) patch[key] = inner;
    } else if (!same(value, before[key])) patch[key] = value;
  }
  return patch;
}

export function applyPatch(target, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? structuredClone(target) : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = applyPatch(result[key], value);
  }
  return result;
}

// Places that both patches change, and differently.
function clashes(mine, theirs, path = []) {
  const found = [];
  for (const key of Object.keys(mine)) {
    if (!(key in theirs) || same(mine[key], theirs[key])) continue;
    if (isObject(mine[key]) && isObject(theirs[key])) found.push(...clashes(mine[key], theirs[key], [...path, key]));
    else found.push([...path, key]);
  }
  return found;
}

export class Draft extends EventTarget {
  constructor(file) {
    super();
    this.base = { sha256: file.sha256, data: file.data };
    this.data = structuredClone(file.data);
    this.past = [];
    this.future = [];
    this.stale = false;
  }

  // The draft that this browser kept, if it is one; else a fresh one of the file.
  static open(file) {
    const draft = new Draft(file);
    const kept = sessionStorage.getItem(KEEP);
    if (!kept) return draft;
    try {
      const { base, data } = JSON.parse(kept);
      draft.base = base;
      draft.data = data;
      draft.stale = base.sha256 !== file.sha256;
    } catch {
      sessionStorage.removeItem(KEEP);
    }
    return draft;
  }

  get patch() {
    return mergePatch(this.base.data, this.data);
  }

  get dirty() {
    return Object.keys(this.patch).length > 0;
  }

  at(path) {
    return path.reduce((value, key) => value?.[key], this.data);
  }

  change(mutate) {
    const before = structuredClone(this.data);
    mutate(this.data);
    if (same(before, this.data)) return;
    this.past.push(before);
    if (this.past.length > STEPS) this.past.shift();
    this.future = [];
    this.tell();
  }

  set(path, value) {
    this.change((data) => {
      let holder = data;
      path.slice(0, -1).forEach((key, at) => {
        if (holder[key] === undefined || holder[key] === null) holder[key] = typeof path[at + 1] === "number" ? [] : {};
        holder = holder[key];
      });
      const key = path.at(-1);
      if (value !== undefined) holder[key] = value;
      else if (Array.isArray(holder)) holder.splice(key, 1);
      else delete holder[key];
    });
  }

  undo() {
    if (!this.past.length) return;
    this.future.push(this.data);
    this.data = this.past.pop();
    this.tell();
  }

  redo() {
    if (!this.future.length) return;
    this.past.push(this.data);
    this.data = this.future.pop();
    this.tell();
  }

  discard(file) {
    this.base = { sha256: file.sha256, data: file.data };
    this.data = structuredClone(file.data);
    this.past = [];
    this.future = [];
    this.stale = false;
    this.tell();
  }

  // Takes up what somebody else has saved meanwhile and keeps one's own changes on top of it.
  // Gives the places that both have changed: there one's own stand, and want a look.
  rebase(file) {
    const mine = this.patch;
    const both = clashes(mine, mergePatch(this.base.data, file.data));
    this.base = { sha256: file.sha256, data: file.data };
    this.data = applyPatch(file.data, mine);
    this.past = [];
    this.future = [];
    this.stale = false;
    this.tell();
    return both;
  }

  tell() {
    if (this.dirty) sessionStorage.setItem(KEEP, JSON.stringify({ base: this.base, data: this.data }));
    else sessionStorage.removeItem(KEEP);
    this.dispatchEvent(new Event("change"));
  }
}
