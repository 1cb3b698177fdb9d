// What a token may do, in words.
import type { Sentence } from '../messages/words.ts';

export const NOUNS: Record<string, Sentence> = {
  all: 'scopeAll',
  users: 'scopeUsers',
  groups: 'scopeGroups',
  devices: 'scopeDevices',
  resources: 'scopeResources',
  workstations: 'scopeWorkstations',
  desktops: 'scopeDesktops',
  pools: 'scopePools',
  bookings: 'scopeBookings',
  agents: 'scopeAgents',
  policies: 'scopePolicies',
  verifications: 'scopeVerifications',
  invitations: 'scopeInvitations',
  audit: 'scopeAudit',
  live: 'scopeLive',
  health: 'scopeHealth',
  status: 'scopeStatus',
  why: 'scopeWhy',
  settings: 'scopeSettings',
};

/** Nouns under which nothing can be changed by a token. */
export const READ_ONLY = ['audit', 'live', 'health', 'status', 'why', 'settings'];

const DAY_MS = 24 * 3_600_000;

/** The day so many days from now, as a date field has it, in the reader's own time. */
export function dayIn(days: number, now = Date.now()): string {
  const day = new Date(now + days * DAY_MS);
  const two = (n: number) => `${n}`.padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** The end of a day, in Unix milliseconds; null if it is none, or past, or more than a year away. */
export function endOf(day: string, now = Date.now()): number | null {
  const end = /^\d{4}-\d\d-\d\d$/.test(day) ? new Date(`${day}T23:59:59`).getTime() : NaN;
  return end > now && end <= now + 366 * DAY_MS ? end : null;
}
