import { expect, it } from 'vitest';
import { compact, complete, systemOf, tunnelName } from './config.ts';

const CONFIG = `[Interface]
# PrivateKey = (put the private key of this device here)
Address = 10.91.0.2/32, fd6b:10f3:77aa::2/128

[Peer]
Endpoint = door.example.org:51820
`;

it('puts the key where it belongs, whatever is in it', () => {
  expect(complete(CONFIG, 'a$&b=')).toContain('[Interface]\nPrivateKey = a$&b=\nAddress');
  expect(() => complete('[Interface]\n', 'key')).toThrow();
});

it('is short for a camera', () => {
  expect(compact(complete(CONFIG, 'key='))).toBe(
    '[Interface]\nPrivateKey=key=\nAddress=10.91.0.2/32,fd6b:10f3:77aa::2/128\n[Peer]\nEndpoint=door.example.org:51820\n',
  );
});

it('names the tunnel so that every app takes it', () => {
  expect(tunnelName('Cabinet Rossi & Fils')).toBe('cabinet-rossi-f');
  expect(tunnelName('Été – Mairie')).toBe('ete-mairie');
  expect(tunnelName('中文')).toBe('office');
});

it('knows the five systems', () => {
  const agents: [string, number, string][] = [
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 0, 'windows'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 0, 'macos'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 5, 'ios'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', 5, 'ios'],
    ['Mozilla/5.0 (Linux; Android 15; Pixel 9)', 5, 'android'],
    ['Mozilla/5.0 (X11; Linux x86_64)', 0, 'linux'],
  ];
  for (const [agent, touch, system] of agents) expect(systemOf(agent, touch), agent).toBe(system);
});
