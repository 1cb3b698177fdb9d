// The console's pages, in the order in which IT needs them.
export const PLACES = [
  { path: '/admin', name: 'overview' },
  { path: '/admin/people', name: 'people' },
  { path: '/admin/devices', name: 'devices' },
  { path: '/admin/computers', name: 'computers' },
  { path: '/admin/resources', name: 'resources' },
  { path: '/admin/access', name: 'access' },
  { path: '/admin/live', name: 'live' },
  { path: '/admin/audit', name: 'audit' },
  { path: '/admin/health', name: 'health' },
  { path: '/admin/settings', name: 'settings' },
] as const;
