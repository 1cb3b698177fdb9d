import type { Messages } from './en.ts';

export default {
  mailSend: 'Enviar por correo',
  mailSendTo: 'A {mail}, en el idioma de {name}.',
  mailSent: 'Enviado a {mail}.',
  mailAnswer: 'El servidor dice: {answer}',
  mailNotSetUp: 'No hay ningún servidor de correo. Indique uno en Configuración, Correo.',
  mailNoAddress: 'Esta persona no tiene dirección de correo. Añádala primero.',
  mailUnreachable:
    'El servidor de correo no responde. Compruebe el nombre y el puerto, y si la pasarela puede llegar a él.',
  mailNoTls: 'El servidor no cifra de esta manera. El puerto 587 va con STARTTLS y el 465 con TLS.',
  mailCertificate:
    'El certificado del servidor es para otro nombre, o la pasarela no confía en quien lo emite. Escriba el servidor como lo nombra su certificado.',
  mailNotPrivate: 'Sin cifrar, el correo solo va dentro de la oficina. Elija STARTTLS o TLS.',
  mailWrongPassword:
    'El servidor no acepta este usuario y contraseña. Algunos proveedores exigen una contraseña de aplicación.',
  mailRefused: 'El servidor no acepta el mensaje. Su respuesta dice por qué.',
  mailFailed: 'Lo que responde ahí no es un servidor de correo normal.',
} satisfies Messages;
