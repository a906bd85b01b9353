// Nanotron's arrangement element by element, for the proof: written from nanotron-format's rules, without slots.ts' strides.

import { type Architecture, type Component, componentsPerMember, headDimOf, type Parameter } from "../../architecture/architecture.js";
import { chain, fuseInTurns, interleave, type ReferenceMap, slice, stack, type Transform, transpose } from "../../plan/transforms.js";
import type { Arrangement } from "../layout.js";
import { slotKey } from "./file-name.js";

interface Member {
  readonly parameter: Parameter;
  readonly component: Component;
  /** Along the parallel axis, in Nanotron's order of axes: how much of the component a rank has. */
  readonly partSize: number;
  /** Along the fused axis: what lies before the component in each stretch of `period`, and its own extent there. */
  readonly start: number;
  readonly extent: number;
  /** A rank's whole tensor, or one group's share of it. */
  readonly period: number;
  /** Its place in a stack. */
  readonly place: number | undefined;
}

export function nanotronReference(architecture: Architecture, { tp, ropeInterleaved }: Arrangement): ReferenceMap {
  const members = architecture.blocks.flatMap(({ parameters }) => parameters.flatMap((parameter) => membersOf(parameter, tp)));
  const byKey = new Map<string, { member: number; rank: number }[]>();
  members.forEach(({ parameter }, member) => {
    const ranks = parameter.parallelAxis === undefined ? [undefined] : Array.from({ length: tp }, (_, rank) => rank);
    for (const rank of ranks) {
      const key = slotKey(parameter.name, rank);
      byKey.set(key, [...(byKey.get(key) ?? []), { member, rank: rank ?? 0 }]);
    }
  });

  const reorder = ({ component }: Member): Transform =>
    chain([
      ...(component.rotary && ropeInterleaved ? [interleave(headDimOf(component))] : []),
      ...(component.transpose ? [transpose] : []),
    ]);
  const toRank = (member: Member, rank: number): Transform => {
    const { parallelAxis, fuseAxis } = member.parameter;
    const cut = parallelAxis === undefined ? [] : [slice(parallelAxis, member.partSize, rank)];
    const joined = fuseAxis === undefined ? [] : [fuseInTurns(fuseAxis, member)];
    return chain([reorder(member), ...cut, ...joined, ...(member.place === undefined ? [] : [stack(member.place)])]);
  };

  return {
    locate({ component, index }) {
      const member = members[component] as Member;
      const { parallelAxis, name } = member.parameter;
      if (parallelAxis === undefined) return { key: slotKey(name, undefined), index: toRank(member, 0).apply(index) };
      const rank = Math.floor((reorder(member).apply(index)[parallelAxis] ?? 0) / member.partSize);
      return { key: slotKey(name, rank), index: toRank(member, rank).apply(index) };
    },
    identify({ key, index }) {
      const candidates = byKey.get(key) ?? [];
      const found = candidates.find(({ member }) => {
        const { parameter, start, extent, period, place } = members[member] as Member;
        const within = place === undefined ? index : index.slice(1);
        if (place !== undefined && place !== index[0]) return false;
        const along = parameter.fuseAxis === undefined ? start : (within[parameter.fuseAxis] ?? 0) % period;
        return along >= start && (parameter.fuseAxis === undefined || along < start + extent);
      });
      return found === undefined
        ? undefined
        : { component: found.member, index: toRank(members[found.member] as Member, found.rank).invert(index) };
    },
  };
}

function membersOf(parameter: Parameter, tp: number): Member[] {
  const { components, parallelAxis, fuseAxis, fuseGroups } = parameter;
  const perMember = componentsPerMember(parameter);
  // Ranks share whole groups; what is joined whole is one group on each rank.
  const turns = fuseGroups === undefined ? 1 : fuseAxis === parallelAxis ? fuseGroups / tp : fuseGroups;
  let start = 0;
  const members = components.map((component, at) => {
    if (at % perMember === 0) start = 0;
    const shape = component.transpose ? [...component.shape].reverse() : component.shape;
    const partSize = parallelAxis === undefined ? 0 : (shape[parallelAxis] ?? 0) / tp;
    const onRank = fuseAxis === undefined ? 0 : fuseAxis === parallelAxis ? partSize : (shape[fuseAxis] ?? 0);
    const place = parameter.stack === undefined ? undefined : Math.floor(at / perMember);
    const member = { parameter, component, partSize, start, extent: onRank / turns, place };
    start += member.extent;
    return member;
  });
  return members.map((member) => ({ ...member, period: start }));
}
