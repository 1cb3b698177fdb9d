const en = {
  mailSend: 'Send by mail',
  mailSendTo: 'To {mail}, in {name}’s language.',
  mailSent: 'Sent to {mail}.',
  mailAnswer: 'The server says: {answer}',
  mailNotSetUp: 'No mail server is set. Name one under Settings, Mail.',
  mailNoAddress: 'This person has no mail address. Add it first.',
  mailUnreachable: 'The mail server does not answer. Check its name and port, and whether the gateway may reach it.',
  mailNoTls: 'The mail server does not encrypt in this way. Port 587 goes with STARTTLS, port 465 with TLS.',
  mailCertificate:
    'The mail server’s certificate is for another name, or of nobody the gateway trusts. Write the server as its certificate names it.',
  mailNotPrivate: 'Without encryption mail goes within the office only. Choose STARTTLS or TLS.',
  mailWrongPassword:
    'The mail server does not take this user and password. Some providers want a password made for applications.',
  mailRefused: 'The mail server does not take the letter. Its own words say why.',
  mailFailed: 'What answers there is no mail server as we know them.',
};

/** What every language has. */
export type Messages = typeof en;

export default en;
