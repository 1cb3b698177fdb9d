import { expect, it } from 'vitest';
import {
  endpointFits,
  mailFits,
  minutesFit,
  numberFits,
  phoneFits,
  resolver,
  urlFits,
  zoneOfTimeFits,
} from './fits.ts';

it('knows what can be right', () => {
  expect(['door.example.org:51820', '192.0.2.1:443', '[2001:db8::1]:51820'].map(endpointFits)).toEqual([
    true,
    true,
    true,
  ]);
  expect(['door.example.org', 'a b:1', 'x:0', 'x:70000', ''].some(endpointFits)).toBe(false);
  expect(['192.168.1.1', '192.168.1.1:5353', 'fd00::1', '[fd00::1]:53'].map(resolver)).toEqual([
    '192.168.1.1:53',
    '192.168.1.1:5353',
    '[fd00::1]:53',
    '[fd00::1]:53',
  ]);
  expect(['router', '1.2.3', '', 'http://1.2.3.4'].map(resolver)).toEqual([null, null, null, null]);
  expect(['Europe/Brussels', 'UTC'].every(zoneOfTimeFits)).toBe(true);
  expect(['Mars/Olympus', ''].some(zoneOfTimeFits)).toBe(false);
  expect(['https://intranet.example', 'http://10.0.0.1:8080/x'].every(urlFits)).toBe(true);
  expect(['javascript:alert(1)', 'intranet', 'https://', 'https://u:p@x.org'].some(urlFits)).toBe(false);
  expect(['a@x.org'].every(mailFits) && !['a@x', 'a b@x.org', '<a@x.org>', ''].some(mailFits)).toBe(true);
  expect(phoneFits('+32 (0)2 123-45.67') && phoneFits('') && !phoneFits('call me')).toBe(true);
  expect(numberFits('7,5', [1, 24]) && !numberFits('', [0, 5]) && !numberFits('x', [0, 5])).toBe(true);
  expect(['0', ' 10 ', '720'].every((text) => minutesFit(text, [10, 720]))).toBe(true);
  expect(['', '9', '721', '-10', '10.5', '1e2'].some((text) => minutesFit(text, [10, 720]))).toBe(false);
});
