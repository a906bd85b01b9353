// The JSON parser lets a repeated key pass when both values are equal. Readers differ on what it means, so no sound writer repeats one.

/** @param json - valid JSON text @returns the first key that its object has already */
export function repeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === "{") open.push(new Set());
    else if (char === "}") open.pop();
    if (char !== '"') continue;
    const end = endOfString(json, at);
    if (isFollowedByColon(json, end)) {
      const key = JSON.parse(json.slice(at, end)) as string;
      if (open.at(-1)?.has(key)) return key;
      open.at(-1)?.add(key);
    }
    at = end - 1;
  }
  return undefined;
}

/** @returns exclusive */
function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

function isFollowedByColon(json: string, from: number): boolean {
  let at = from;
  while (/\s/.test(json[at] ?? "")) at++;
  return json[at] === ":";
}
