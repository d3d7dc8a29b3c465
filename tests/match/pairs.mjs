// pairs.mjs N SEED: N lines of JSON {filter, body, want, touches}. `want` is what simple-json-match says;
// `touches` are the numbers of those deviations (include/model/filter.h) that the pair has to do with.
import { createRequire } from "node:module";
const match = createRequire(import.meta.url)("simple-json-match").default;

let state = Number(process.argv[3]) >>> 0;
function roll(n) { // mulberry32
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = (list) => list[roll(list.length)];

const texts = ["", "a", "b", "ab", "abc", "1", "5", "true", "null", "x y", "é", "refs/heads/main"];
const numbers = [0, 1, 5, 10, -1, 1.5, 100, 1e21, 2500000];
const keys = ["a", "b", "c", "type", "n"];

function scalar() {
  switch (roll(8)) {
    case 0: return null;
    case 1: return roll(2) === 0;
    case 2: case 3: case 4: return pick(numbers);
    default: return pick(texts);
  }
}
const several = (most, one) => Array.from({ length: roll(most + 1) }, one);
function value(depth) {
  const kind = depth === 0 ? 0 : roll(6);
  if (kind < 3) return scalar();
  if (kind === 3) return several(3, () => value(depth - 1));
  return Object.fromEntries(several(3, () => [pick(keys), value(depth - 1)]));
}

const textual = () => pick(texts);
const ops = {
  $eq: whole, $neq: whole,
  $gt: () => pick([...numbers, ...texts]), $gte: () => pick([...numbers, ...texts]),
  $lt: () => pick([...numbers, ...texts]), $lte: () => pick([...numbers, ...texts]),
  $in: choice, $nin: choice,
  $startsWith: () => (roll(2) ? textual() : [textual(), textual()]),
  $endsWith: () => (roll(2) ? textual() : [textual(), textual()]),
  $exist: () => roll(2) === 0,
};
function whole(depth) {
  if (roll(8) === 0) return { a: scalar(), b: scalar() };
  return roll(4) === 0 ? value(Math.min(depth, 2)) : scalar();
}
function choice() {
  if (roll(3) === 0) return textual();
  const list = [pick(numbers), textual(), ...several(2, () => pick([...numbers, ...texts]))];
  return roll(10) === 0 ? [...list, pick([null, true, false])] : list;
}
function filter(depth) {
  switch (depth === 0 ? roll(2) : roll(11)) {
    case 0: case 2: return scalar();
    case 1: case 3: { // operators, mostly alone
      const f = {};
      for (let i = roll(5) === 0 ? 2 : 1; i > 0; i--) {
        const op = pick(Object.keys(ops));
        f[op] = ops[op](depth);
      }
      return f;
    }
    case 4: return several(2, () => filter(depth - 1));
    case 5: return { $or: [filter(depth - 1), filter(depth - 1)] };
    case 6: {
      const f = { [pick(keys)]: filter(depth - 1) };
      switch (roll(4)) {
        case 0: f.$or = [filter(depth - 1), filter(depth - 1)]; break;
        case 1: f.$and = [filter(depth - 1), filter(depth - 1)]; break;
        case 2: f.$not = filter(depth - 1); break;
        default: f.$exist = true;
      }
      return f;
    }
    case 7: return roll(2) ? { $not: filter(depth - 1) } : { $and: [filter(depth - 1), filter(depth - 1)] };
    default: return Object.fromEntries(several(3, () => [pick(keys), filter(depth - 1)]));
  }
}

// A body that has much of what the filter asks for, so that many match.
function bodyFor(f) {
  if (roll(6) === 0 || f === null || typeof f !== "object") return roll(5) === 0 ? value(2) : roll(4) === 0 ? [f, value(1)] : f;
  if (Array.isArray(f)) return roll(6) === 0 ? value(2) : [...f.map(bodyFor), ...several(1, () => value(1))];
  if ("$or" in f) return bodyFor(pick(f.$or));
  if ("$and" in f) return bodyFor(pick(f.$and));
  if ("$not" in f) return roll(2) ? bodyFor(f.$not) : value(2);
  const op = Object.keys(f).find((k) => k in ops);
  if (op) {
    const given = f[op];
    if (op === "$exist") return value(1);
    const v = (op === "$in" || op === "$nin" || op.endsWith("With")) && Array.isArray(given) ? pick(given) : given;
    const near = typeof v === "string" ? pick([v, v + "b", "a" + v]) : typeof v === "number" ? v + pick([0, 1, -1])
      : isObject(v) && roll(2) ? Object.fromEntries(Object.entries(v).reverse()) : v;
    return roll(5) === 0 ? [near, value(1)] : near;
  }
  const o = {};
  for (const k of Object.keys(f)) if (roll(8) !== 0) o[k] = bodyFor(f[k]);
  if (roll(3) === 0) o[pick(keys)] = value(1);
  return roll(6) === 0 ? [value(1), o] : o;
}

const isPlain = (v) => v === null || ["number", "string", "boolean"].includes(typeof v);
const isObject = (v) => typeof v === "object" && v !== null && !Array.isArray(v);
const sorted = (v) => JSON.stringify(v, (_, x) => (isObject(x) ? Object.fromEntries(Object.entries(x).sort()) : x));
const same = (a, b) => sorted(a) === sorted(b);
const loose = (a, b) => (isPlain(a) ? a : JSON.stringify(a)) == (isPlain(b) ? b : JSON.stringify(b)); // eslint-disable-line eqeqeq

function touchOp(op, given, v, set) {
  if (op === "$exist") return;
  if (v === undefined) {
    if (op === "$neq") set.add(5);
    return;
  }
  if ((op === "$in" || op === "$nin") && Array.isArray(given) && given.some((x) => x === null || typeof x === "boolean")) set.add(9);
  if (Array.isArray(v)) set.add(op === "$neq" || op === "$nin" ? 5 : 4);
  if (op === "$eq" || op === "$neq") {
    if (loose(v, given) !== same(v, given)) set.add(isPlain(v) || isPlain(given) ? 1 : 6);
  } else if (op.startsWith("$g") || op.startsWith("$l")) {
    if (typeof v !== typeof given) set.add(1);
  } else if (op === "$nin" && (typeof v === "object" && v !== null || (!Array.isArray(given) && typeof v !== "string"))) {
    set.add(5);
  }
}
// Which deviations may decide about this filter and this value (undefined: it is missing)?
function touch(f, v, set, joint = false) {
  if (isPlain(f)) {
    if (joint && f === null) set.add(7);
    if (isPlain(v) && (v == f) !== (v === f)) set.add(1); // eslint-disable-line eqeqeq
    if (Array.isArray(v)) v.forEach((x) => touch(f, x, set));
    return;
  }
  if (Array.isArray(f)) {
    if (isObject(v)) set.add(8);
    if (joint && Array.isArray(v)) set.add(4);
    if (Array.isArray(v)) f.forEach((sub) => v.forEach((x) => touch(sub, x, set)));
    return;
  }
  const names = Object.keys(f), own = names.filter((k) => k in ops), joints = names.filter((k) => ["$or", "$and", "$not"].includes(k));
  if (own.length > 0 && own.length < names.length) set.add(7);
  if (joints.length > 0 && names.length > 1) set.add(7);
  if (joint && own.length > 0 && isObject(v)) set.add(7);
  if ((v === undefined || isPlain(v)) && joints.some((k) => k !== "$or" || v === undefined)) set.add(7);
  if ("$not" in f && (!f.$not || Array.isArray(v))) set.add(Array.isArray(v) ? 5 : 7);
  if (Array.isArray(v) && "$and" in f) set.add(7);
  own.forEach((op) => touchOp(op, f[op], v, set));
  for (const k of names) {
    if (own.includes(k)) continue;
    const inner = k === "$not" ? [f[k]] : joints.includes(k) ? f[k] : null;
    if (inner !== null) {
      inner.forEach((sub) => touch(sub, v, set, true));
      if (Array.isArray(v)) inner.forEach((sub) => v.forEach((x) => touch(sub, x, set, true)));
    } else if (isObject(v)) {
      touch(f[k], Object.hasOwn(v, k) ? v[k] : undefined, set);
    }
  }
  if (Array.isArray(v) && own.length < names.length) v.forEach((x) => touch(f, x, set));
}

const lines = [];
for (let i = Number(process.argv[2]); i > 0; i--) {
  const inner = filter(3), f = { f: inner };
  const body = roll(40) === 0 ? {} : { f: bodyFor(inner) };
  const touches = new Set();
  touch(f, body, touches);
  lines.push(JSON.stringify({ filter: f, body, want: match(body, f), touches: [...touches].sort((a, b) => a - b) }));
}
process.stdout.write(lines.join("\n") + "\n");
