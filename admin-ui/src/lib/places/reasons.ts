// The gateway's verdict about somebody and something, as it is told: one answer for all their devices.
import type { Why } from '#lib/api/document.d.ts';
import type { Sentence } from '../messages/words.ts';

interface Reason {
  say: Sentence;
  cure?: Sentence;
  /** Where the next step is taken. */
  path?: '/admin/people' | '/admin/devices' | '/admin/access';
  link?: Sentence;
}

/** By the slugs of the API. */
export const REASONS: Record<string, Reason> & { unknown: Reason } = {
  unknown: { say: 'becauseUnknown' },
  user_disabled: { say: 'becauseDisabled', path: '/admin/people', link: 'goPeople' },
  factor_missing: { say: 'becauseFactor', cure: 'becauseFactorCure', path: '/admin/people', link: 'goPeople' },
  device_disabled: { say: 'becauseDevice', path: '/admin/devices', link: 'goDevices' },
  device_revoked: { say: 'becauseRevoked', cure: 'becauseRevokedCure', path: '/admin/people', link: 'goPeople' },
  no_device: { say: 'becauseNoDevice', cure: 'becauseNoDeviceCure', path: '/admin/people', link: 'goPeople' },
  locked: { say: 'becauseLocked', cure: 'becauseLockedCure' },
  no_policy: { say: 'becauseNoPolicy', cure: 'becauseNoPolicyCure' },
  policy_ended: { say: 'becauseEnded', cure: 'becauseEndedCure' },
  outside_hours: { say: 'becauseHours' },
};

export interface Told {
  /** `signIn`: yes at that time, after signing in. `locked`: yes, if they sign in now. */
  kind: 'yes' | 'signIn' | 'locked' | 'no';
  /** Devices that pass. */
  devices: { name: string; until: number }[];
  /** Why not, and on which devices. */
  reasons: { slug: string; devices: string[] }[];
}

/** One device that passes is enough. Of another time a locked door says nothing: it is opened by then, or not. */
export function verdictOf(why: Why, later: boolean): Told {
  const open = why.devices.filter((d) => d.verdict === 'allow');
  if (open.length > 0)
    return { kind: 'yes', devices: open.map((d) => ({ name: d.name, until: d.until ?? why.at })), reasons: [] };
  const only = (slugs: string[]) => slugs.length > 0 && slugs.every((slug) => slug === 'locked');
  if (why.devices.some((d) => only(d.reasons.map((r) => r.reason)))) {
    const devices = why.devices.filter((d) => only(d.reasons.map((r) => r.reason))).map((d) => d.name);
    return { kind: later ? 'signIn' : 'locked', devices: [], reasons: [{ slug: 'locked', devices }] };
  }
  const found = new Map<string, string[]>(why.reasons.map((r) => [r.reason, []]));
  for (const { name, reasons } of why.devices)
    for (const { reason } of reasons) found.set(reason, [...(found.get(reason) ?? []), name]);
  // Signing in would not help while something else is in the way.
  const reasons = [...found].filter(([slug]) => slug !== 'locked' || found.size === 1);
  return { kind: 'no', devices: [], reasons: reasons.map(([slug, devices]) => ({ slug, devices })) };
}
