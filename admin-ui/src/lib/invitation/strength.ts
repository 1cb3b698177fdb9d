// How good a password is, in words. The gateway has the last one: it knows what people have in common.

/** Shortest password taken, in characters. */
export const SHORTEST = 12;

export type Strength = { kind: 'short'; missing: number } | { kind: 'fair' } | { kind: 'good' };

/** Length is what counts (NIST SP 800-63B); one character again and again is not length. */
export function strength(password: string): Strength {
  const characters = [...password];
  if (characters.length < SHORTEST) return { kind: 'short', missing: SHORTEST - characters.length };
  return characters.length >= 16 && new Set(characters).size >= 8 ? { kind: 'good' } : { kind: 'fair' };
}
