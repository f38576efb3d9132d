/**
 * In which order the steps of a plan are carried out.
 *
 * Firm: what is pre-depended on before what pre-depends on it; what conflicts with or is broken by a release is
 * gone, or newer, before that release is unpacked. Wished: what is depended on first; what depends on a removed
 * package goes before it. Cycles give up wishes first, as few as a simple greedy choice finds, and firm edges
 * only where these alone form a cycle; ties go by name.
 */
import { compareBytes } from '../model/bytes.js';
import type { Clause, Relation } from '../model/relation.js';
import type { Candidate } from '../model/universe.js';
import { ByArchitecture } from './architectures.js';
import { coexist } from './match.js';
import type { Step } from './plan.js';
import type { State } from './state.js';

interface Node {
  readonly step: Step;
  readonly firm: Set<number>;
  readonly wished: Set<number>;
}

function exclusions({ relations: { conflicts, breaks } }: Candidate): readonly Relation[] {
  return conflicts.length === 0 ? breaks : breaks.length === 0 ? conflicts : [...conflicts, ...breaks];
}

/** Steps sorted for execution; `steps` may come in any order. */
export function orderSteps(
  steps: readonly Step[],
  {
    before,
    after,
    architecture,
  }: { readonly before: State; readonly after: State; readonly architecture: string },
): Step[] {
  const nodes: Node[] = [...steps]
    .sort((a, b) => compareBytes(a.name, b.name))
    .map((step) => ({ step, firm: new Set(), wished: new Set() }));
  const byName = new Map(nodes.map((node, index) => [node.step.name, index]));
  const supplied = new ByArchitecture<Clause, number>(architecture);
  nodes.forEach((node, index) => {
    const { from, to } = node.step;
    if (to !== undefined) {
      for (const clause of to.relations.preDepends) node.firm.add(supplier(clause, to));
      for (const clause of to.relations.depends) node.wished.add(supplier(clause, to));
      const twins = before.instances(to.name).filter((one) => one.name !== to.name && !coexist(one, to));
      for (const n of places(twins)) node.firm.add(n);
      for (const relation of exclusions(to))
        for (const n of places(before.against(to, relation))) node.firm.add(n);
    }
    if (from === undefined) return;
    for (const relation of exclusions(from)) {
      for (const n of places(after.against(from, relation))) nodes[n]?.firm.add(index);
    }
    for (const clause of [...from.relations.preDepends, ...from.relations.depends]) {
      for (const n of places(clause.flatMap((relation) => before.satisfiers(relation, from)))) {
        if (nodes[n]?.step.kind === 'remove') nodes[n].wished.add(index);
      }
    }
  });
  nodes.forEach((node, index) => {
    for (const none of [index, -1]) {
      node.firm.delete(none);
      node.wished.delete(none);
    }
    for (const n of node.firm) node.wished.delete(n);
  });
  return components(nodes)
    .flatMap((component) => (component.length === 1 ? component : untangle(nodes, component)))
    .flatMap((index) => nodes[index]?.step ?? []);

  function places(candidates: readonly Candidate[]): number[] {
    const found: number[] = [];
    for (const { name } of candidates) {
      const at = byName.get(name);
      if (at !== undefined) found.push(at);
    }
    return found;
  }

  // What this plan brings for a clause; -1 where something that stays as it is satisfies it, or nothing does.
  function supplier(clause: Clause, owner: Candidate): number {
    const asked = supplied.for(owner);
    const known = asked.get(clause);
    if (known !== undefined) return known;
    let first = -1;
    search: for (const relation of clause) {
      for (const { name } of after.satisfiers(relation, owner)) {
        const at = byName.get(name);
        if (at === undefined) {
          first = -1;
          break search;
        }
        if (first < 0) first = at;
      }
    }
    asked.set(clause, first);
    return first;
  }
}

/** Takes what waits for nothing; where there is none, what costs the fewest edges, firm ones weighing most. */
function untangle(nodes: readonly Node[], component: readonly number[]): number[] {
  const left = new Set(component);
  const blocks = new Map<number, number[]>();
  const firm = new Map<number, number>();
  const wished = new Map<number, number>();
  for (const index of component) {
    const node = nodes[index];
    const firmInside = [...(node?.firm ?? [])].filter((n) => left.has(n));
    const wishedInside = [...(node?.wished ?? [])].filter((n) => left.has(n));
    firm.set(index, firmInside.length);
    wished.set(index, wishedInside.length);
    for (const n of [...firmInside, ...wishedInside]) {
      const waiting = blocks.get(n);
      if (waiting === undefined) blocks.set(n, [index]);
      else waiting.push(index);
    }
  }
  const dearer = (a: number, b: number): number =>
    (firm.get(a) ?? 0) - (firm.get(b) ?? 0) || (wished.get(a) ?? 0) - (wished.get(b) ?? 0) || a - b;
  const order: number[] = [];
  let ready: number[] = [];
  while (left.size > 0) {
    const choice = (ready.length > 0 ? ready : [...left]).reduce((best, index) =>
      dearer(index, best) < 0 ? index : best,
    );
    ready = ready.filter((index) => index !== choice);
    left.delete(choice);
    order.push(choice);
    for (const waiting of blocks.get(choice) ?? []) {
      if (!left.has(waiting)) continue;
      const counter = nodes[waiting]?.firm.has(choice) === true ? firm : wished;
      counter.set(waiting, (counter.get(waiting) ?? 1) - 1);
      if (firm.get(waiting) === 0 && wished.get(waiting) === 0) ready.push(waiting);
    }
  }
  return order;
}

/**
 * Strongly connected components, each after all that it waits for; walked by name, so always the same.
 * Tarjan's algorithm without recursion: chains of dependencies are long.
 */
function components(nodes: readonly Node[]): number[][] {
  const edges = nodes.map((node) => [...node.firm, ...node.wished].sort((a, b) => a - b));
  const number = new Array<number>(nodes.length).fill(-1);
  const low = new Array<number>(nodes.length).fill(0);
  const open = new Array<boolean>(nodes.length).fill(false);
  const stack: number[] = [];
  const found: number[][] = [];
  let counter = 0;
  for (let root = 0; root < nodes.length; root++) {
    if (number[root] !== -1) continue;
    const work: { at: number; edge: number }[] = [{ at: root, edge: 0 }];
    for (let frame = work.at(-1); frame !== undefined; frame = work.at(-1)) {
      const { at } = frame;
      if (frame.edge === 0 && number[at] === -1) {
        number[at] = low[at] = counter++;
        stack.push(at);
        open[at] = true;
      }
      const to = edges[at]?.[frame.edge++];
      if (to !== undefined) {
        if (number[to] === -1) work.push({ at: to, edge: 0 });
        else if (open[to] === true) low[at] = Math.min(low[at] ?? 0, number[to] ?? 0);
        continue;
      }
      work.pop();
      const parent = work.at(-1);
      if (parent !== undefined) low[parent.at] = Math.min(low[parent.at] ?? 0, low[at] ?? 0);
      if (low[at] !== number[at]) continue;
      const component = stack.splice(stack.lastIndexOf(at));
      for (const member of component) open[member] = false;
      found.push(component.sort((a, b) => a - b));
    }
  }
  return found;
}
