// What IT does about a computer that is not as it should be.
import type { Cause, Reason } from '#lib/api/document.d.ts';
import type { Sentence } from '../messages/words.ts';

export const REASON_CURES: Partial<Record<Reason, Sentence>> = {
  rdp_off: 'cureRdpOff',
  rdp_silent: 'cureRdpSilent',
  sessions_unseen: 'cureSessions',
  through_gateway: 'cureThrough',
  agent_silent: 'cureAgentSilent',
  went_away: 'cureAway',
  no_agent_answers: 'cureAgent',
  no_agent_on: 'cureRdpSilent',
  no_agent_silent: 'cureAgent',
  never_heard: 'cureAddress',
};

export const CAUSE_CURES: Record<Cause, Sentence> = {
  no_address: 'cureNoAddress',
  wireless: 'cureWireless',
  disarmed: 'cureDisarmed',
  unable: 'cureUnable',
  fast_startup: 'cureFastStartup',
  modern_standby: 'cureModernStandby',
  was_off: 'cureWasOff',
  no_relay: 'cureNoRelay',
  rdp_off: 'cureRdpOff',
  rdp_silent: 'cureRdpSilent',
  silent: 'cureSilent',
};

export const WAKES = {
  yes: 'wakesYes',
  only_from_sleep: 'wakesFromSleep',
  no: 'wakesNo',
  unknown: 'wakesUnknown',
} as const;
