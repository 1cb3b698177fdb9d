import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Primero, active su túnel',
  outsideStep1: 'Abra la aplicación WireGuard y active el túnel de la oficina.',
  outsideStep2: 'Entonces esta página se abre sola: le pide su contraseña y un código, y su oficina se abre.',
  outsideNone: '¿Aún no lo tiene configurado?',
} satisfies Messages;
