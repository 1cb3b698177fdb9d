import type { Messages } from './en.ts';

export default {
  outsideTitle: 'Primero, active su túnel',
  outsideStep1: 'Abra la aplicación WireGuard y active el túnel de la oficina.',
  outsideStep2: 'Entonces esta página se abre sola: le pide su contraseña y un código, y su oficina se abre.',
  outsideNone: '¿Aún no lo tiene configurado?',
  outTitle: 'Use aquí un ordenador de la oficina',
  outWhy:
    'Identifíquese para usar un ordenador de la oficina en este navegador. Para las carpetas compartidas y su aplicación RDP, active WireGuard y vuelva a cargar esta página. Use un ordenador de confianza y cierre la sesión al terminar.',
} satisfies Messages;
