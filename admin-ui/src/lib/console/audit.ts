// The audit's events and their details in words. What a later gateway writes is shown as it wrote it.
import type { AuditEntry, Ports } from '#lib/api/document.d.ts';
import type { Sentence, Words } from '#lib/messages/words.ts';
import { portText } from '../places/fields.ts';

/** Every event that the gateway knows: its sentence, with what it names. */
export const EVENTS = {
  site_created: 'event_site_created',
  settings_changed: 'event_settings_changed',
  agent_names_changed: 'event_agent_names_changed',
  programs_changed: 'event_programs_changed',
  mail_server_set: 'event_mail_server_set',
  mail_server_removed: 'event_mail_server_removed',
  user_changed: 'event_user_changed',
  mail_changed: 'event_mail_changed',
  user_erased: 'event_user_erased',
  group_renamed: 'event_group_renamed',
  resource_changed: 'event_resource_changed',
  invitation_mailed: 'event_invitation_mailed',
  rules_accepted: 'event_rules_accepted',
  checklist_answered: 'event_checklist_answered',
  passkey_added: 'event_passkey_added',
  passkey_revoked: 'event_passkey_revoked',
  password_changed: 'event_password_changed',
  factor_replaced: 'event_factor_replaced',
  recovery_codes_renewed: 'event_recovery_codes_renewed',
  web_session_ended: 'event_web_session_ended',
  signed_out_everywhere: 'event_signed_out_everywhere',
  own_data_read: 'event_own_data_read',
  user_added: 'event_user_added',
  user_disabled: 'event_user_disabled',
  user_enabled: 'event_user_enabled',
  groups_changed: 'event_groups_changed',
  group_added: 'event_group_added',
  group_removed: 'event_group_removed',
  device_added: 'event_device_added',
  device_disabled: 'event_device_disabled',
  device_enabled: 'event_device_enabled',
  device_revoked: 'event_device_revoked',
  config_shown: 'event_config_shown',
  resource_added: 'event_resource_added',
  resource_moved: 'event_resource_moved',
  resource_removed: 'event_resource_removed',
  policy_added: 'event_policy_added',
  policy_removed: 'event_policy_removed',
  invitation_issued: 'event_invitation_issued',
  invitation_revoked: 'event_invitation_revoked',
  invitation_redeemed: 'event_invitation_redeemed',
  agent_token_added: 'event_agent_token_added',
  agent_token_revoked: 'event_agent_token_revoked',
  agent_enrolled: 'event_agent_enrolled',
  agent_approved: 'event_agent_approved',
  agent_revoked: 'event_agent_revoked',
  agent_refused: 'event_agent_refused',
  workstation_changed: 'event_workstation_changed',
  publisher_made: 'event_publisher_made',
  pool_added: 'event_pool_added',
  pool_changed: 'event_pool_changed',
  pool_removed: 'event_pool_removed',
  booked: 'event_booked',
  booking_freed: 'event_booking_freed',
  wake_begun: 'event_wake_begun',
  wake_ended: 'event_wake_ended',
  sent_to_sleep: 'event_sent_to_sleep',
  sleep_answered: 'event_sleep_answered',
  desktop_begun: 'event_desktop_begun',
  desktop_ended: 'event_desktop_ended',
  desktop_cut: 'event_desktop_cut',
  desktop_told: 'event_desktop_told',
  desktop_refused: 'event_desktop_refused',
  desktop_asked: 'event_desktop_asked',
  desktop_admitted: 'event_desktop_admitted',
  certificate_seen: 'event_certificate_seen',
  certificate_refused: 'event_certificate_refused',
  token_added: 'event_token_added',
  token_revoked: 'event_token_revoked',
  signed_in: 'event_signed_in',
  sign_in_refused: 'event_sign_in_refused',
  signed_out: 'event_signed_out',
  factor_suspended: 'event_factor_suspended',
  door_opened: 'event_door_opened',
  door_extended: 'event_door_extended',
  door_grace: 'event_door_grace',
  door_locked: 'event_door_locked',
  all_doors_locked: 'event_all_doors_locked',
  people_confirmed: 'event_people_confirmed',
  cut_stored: 'event_cut_stored',
  audit_read: 'event_audit_read',
  audit_exported: 'event_audit_exported',
} satisfies Record<string, Sentence>;

/** What the fields of events are called. */
export const FIELDS: Record<string, Sentence> = {
  host: 'field_host',
  port: 'field_port',
  security: 'field_security',
  sender: 'field_sender',
  fields: 'field_fields',
  dns_names: 'field_dns_names',
  ports: 'field_ports',
  former: 'field_former',
  before: 'field_before',
  reminder: 'field_reminder',
  version: 'field_version',
  passkeys: 'field_passkeys',
  verification_minutes: 'field_verification_minutes',
  idle_minutes: 'field_idle_minutes',
  also: 'field_also',
  role: 'field_role',
  name: 'field_name',
  language: 'field_language',
  contact: 'field_contact',
  links: 'field_links',
  rules: 'field_rules',
  checklist: 'field_checklist',
  groups: 'field_groups',
  kind: 'field_kind',
  address4: 'field_address4',
  address6: 'field_address6',
  hours: 'field_hours',
  until: 'field_until',
  scopes: 'field_scopes',
  factor: 'field_factor',
  why: 'field_why',
  reason: 'field_reason',
  cut: 'field_cut',
  made_at: 'field_made_at',
  format: 'field_format',
  uses: 'field_uses',
  approves: 'field_approves',
  hosts: 'field_hosts',
  token: 'field_token',
  because: 'field_because',
  address: 'field_address',
  outcome: 'field_outcome',
  after_ms: 'field_after_ms',
  how: 'field_how',
  via: 'field_via',
  says: 'field_says',
  certificate: 'field_certificate',
  macs: 'field_macs',
  wake_hours: 'field_wake_hours',
  sleep_again: 'field_sleep_again',
  workstations: 'field_workstations',
  seats: 'field_seats',
  longest_booking_minutes: 'field_longest_booking_minutes',
  begins: 'field_begins',
  ends: 'field_ends',
  freed: 'field_freed',
  desktop_idle_minutes: 'field_desktop_idle_minutes',
  desktop_longest_minutes: 'field_desktop_longest_minutes',
  organisation: 'field_organisation',
  office_interface: 'field_office_interface',
  time_zone: 'field_time_zone',
  endpoint: 'field_endpoint',
  resolvers: 'field_resolvers',
  office_zones: 'field_office_zones',
  masquerade: 'field_masquerade',
  ask_people: 'field_ask_people',
  desktops_outside: 'field_desktops_outside',
  retention: 'field_retention',
  names: 'field_names',
  programs: 'field_programs',
};

/** Fields whose values are words of the gateway's; others are shown as they came. */
export const VALUES: Record<string, Record<string, Sentence>> = {
  factor: { totp: 'value_totp', recovery: 'value_recovery', passkey: 'value_passkey' },
  why: {
    user: 'value_user',
    password: 'value_password',
    code: 'value_code',
    other_device: 'value_other_device',
    passkey: 'value_passkey_wrong',
    passkey_copied: 'value_passkey_copied',
    in_use_here: 'value_in_use_here',
    in_use_remotely: 'value_in_use_remotely',
    locked_by_another: 'value_locked_by_another',
    reserved: 'value_reserved',
    no_seat: 'value_no_seat',
    own_seat: 'value_own_seat',
    unseen: 'value_unseen',
    rdp_off: 'value_rdp_off',
    still_waking: 'value_still_waking',
    not_woken: 'value_not_woken',
    silent: 'value_rdp_silent',
    not_allowed: 'value_not_allowed',
    no_rdp: 'value_no_rdp',
    too_many: 'value_too_many',
    gateway: 'value_gateway_trouble',
    certificate: 'value_other_certificate',
    security: 'value_less_security',
  },
  reason: {
    expired: 'value_expired',
    idle: 'value_idle',
    locked: 'value_locked',
    ended: 'value_ended',
    replaced: 'value_replaced',
    device: 'value_device',
    user: 'value_shut_out',
    clock: 'value_clock',
    'implausible clock': 'value_clock_wrong',
    'database put back from before': 'value_put_back',
  },
  because: {
    token: 'value_agent_token',
    key: 'value_agent_key',
    revoked: 'value_agent_revoked',
    unknown: 'value_agent_unknown',
    flood: 'value_agent_flood',
    no_greeting: 'value_agent_no_greeting',
    expired: 'value_agent_expired',
    not_valid_yet: 'value_agent_early',
    certificate: 'value_agent_certificate',
  },
  outcome: { ready: 'value_ready', failed: 'value_failed', cancelled: 'value_cancelled' },
  how: {
    by_device: 'value_by_device',
    by_pc: 'value_by_pc',
    cut: 'value_was_cut',
    not_allowed: 'value_by_policy',
    idle: 'value_by_idle',
    longest: 'value_by_longest',
    booked: 'value_by_booking',
    gateway: 'value_by_gateway',
  },
  freed: { back: 'value_freed_back', absent: 'value_freed_absent', it: 'value_freed_it' },
  says: { yes: 'value_says_yes', no: 'value_says_no' },
  via: { app: 'value_via_app', browser: 'value_via_browser' },
  role: { admin: 'value_admin', user: 'value_person' },
  kind: {
    share: 'value_share',
    service: 'value_service',
    workstation: 'value_workstation',
    network: 'value_network',
  },
  security: { none: 'value_none' },
  fields: FIELDS,
  also: FIELDS,
  cut: {
    revoke_device: 'value_revoke_device',
    disable_device: 'value_disable_device',
    disable_user: 'value_disable_user',
    end_verification: 'value_end_verification',
    lock_device: 'value_lock_device',
    remove_policy: 'value_remove_policy',
    remove_resource: 'value_remove_resource',
  },
};

const TIMES = ['until', 'made_at', 'begins', 'ends'];
/** Minutes, of which 0 is no limit. */
const LIMITS = ['desktop_idle_minutes', 'desktop_longest_minutes'];
/** They say nothing to people. */
export const SILENT = ['device', 'verification', 'policy', 'passkey', 'public_key', 'agent', 'booking'];

const own = <T>(of: Record<string, T>, key: string): T | undefined => (Object.hasOwn(of, key) ? of[key] : undefined);
const fieldsOf = ({ details }: AuditEntry) => Object.entries(details as Record<string, unknown>);

/** What was done. */
export function eventOf(words: Words, entry: AuditEntry): string {
  const sentence = own<Sentence>(EVENTS, entry.event);
  const fields = fieldsOf(entry).map(([name, value]) => [name, text(words, value)] as const);
  const values = { user: entry.user ?? '', ...Object.fromEntries(fields) };
  return sentence ? words.say(sentence, values) : entry.event;
}

/** The name of an event, without what it was done to. */
export const eventName = (words: Words, sentence: Sentence): string => {
  const holes = words.holes(sentence).map((name) => [name, '…']);
  return words.say(sentence, Object.fromEntries(holes));
};

/** What the sentence does not say. */
export function detailsOf(words: Words, entry: AuditEntry, devices = new Map<string, string>()): string {
  const sentence = own<Sentence>(EVENTS, entry.event);
  const said = sentence ? words.holes(sentence) : [];
  const fields = fieldsOf(entry);
  // On which device, where the line tells it by its id alone.
  const id = fields.some(([name]) => name === 'name') ? undefined : fields.find(([name]) => name === 'device')?.[1];
  const device = typeof id === 'string' ? devices.get(id) : undefined;
  const on = device ? [words.say('detail', { name: words.say('onDevice'), value: device })] : [];
  const told = fields
    .filter(([name, value]) => value != null && !SILENT.includes(name) && !said.includes(name))
    .map(([name, value]) => {
      const label = own(FIELDS, name);
      return words.say('detail', { name: label ? words.say(label) : name, value: valueOf(words, name, value) });
    });
  return [...on, ...told].join(' · ');
}

function valueOf(words: Words, name: string, value: unknown): string {
  if (typeof value === 'number' && TIMES.includes(name)) return words.short(value);
  if (value === 0 && LIMITS.includes(name)) return words.say('never');
  if (value === 0 && name === 'longest_booking_minutes') return words.say('value_none');
  if (Array.isArray(value) && value.length > 0) return words.list(value.map((one) => valueOf(words, name, one)));
  if (name === 'ports' && isPorts(value)) return portText(value);
  const said = typeof value === 'string' ? own(own(VALUES, name) ?? {}, value) : undefined;
  return said ? words.say(said) : text(words, value);
}

const isPorts = (value: unknown): value is Ports => typeof value === 'object' && value !== null && 'first' in value;

function text(words: Words, value: unknown): string {
  if (Array.isArray(value)) return value.length > 0 ? words.list(value.map((v) => text(words, v))) : '–';
  if (typeof value === 'boolean') return words.say(value ? 'valueYes' : 'valueNo');
  if (typeof value === 'object' && value !== null) return Object.values(value).map(String).join(' / ');
  return String(value);
}

/** Who did it. */
export function actorOf(words: Words, actor: string): string {
  if (actor === 'local') return words.say('byLocal');
  if (actor === 'system') return words.say('bySystem');
  if (actor === 'nobody') return words.say('byNobody');
  return actor.startsWith('token ') ? words.say('byToken', { name: actor.slice('token '.length) }) : actor;
}
