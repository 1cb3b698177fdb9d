-- Portable between SQLite and PostgreSQL: text and bigint only. Times are Unix milliseconds, ids are UUID text, keys
-- are base64, secrets are sealed (base64). Nothing that was ever an address or a key of a device is used again.

CREATE TABLE site (
    id               BIGINT PRIMARY KEY CHECK (id = 1),
    epoch            BIGINT NOT NULL,
    generation       BIGINT NOT NULL,
    organisation     TEXT   NOT NULL,
    public_name      TEXT   NOT NULL,
    endpoint         TEXT   NOT NULL,
    zone             TEXT   NOT NULL,
    site_v4          TEXT   NOT NULL,
    site_v6          TEXT   NOT NULL,
    office_interface TEXT   NOT NULL,
    time_zone        TEXT   NOT NULL,
    resolvers        TEXT   NOT NULL,
    office_zones     TEXT   NOT NULL,
    masquerade       BIGINT NOT NULL CHECK (masquerade IN (0, 1)),
    passkeys         BIGINT NOT NULL CHECK (passkeys IN (0, 1)),
    home_work        TEXT   NOT NULL,
    next_device      BIGINT NOT NULL CHECK (next_device >= 0),
    next_alias       BIGINT NOT NULL CHECK (next_alias >= 0),
    private_key      TEXT   NOT NULL,
    public_key       TEXT   NOT NULL,
    ca_certificate   TEXT   NOT NULL,
    ca_key           TEXT   NOT NULL,
    tls_certificate  TEXT   NOT NULL,
    tls_key          TEXT   NOT NULL,
    strangers_certificate TEXT NOT NULL,
    strangers_key         TEXT NOT NULL,
    tls_names        TEXT   NOT NULL,
    tls_renew_at     BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    last_seen        BIGINT NOT NULL,
    restored_at      BIGINT,
    -- For how many days lines of the audit are kept, by class.
    keep_access         BIGINT NOT NULL DEFAULT 183 CHECK (keep_access > 0),
    keep_administration BIGINT NOT NULL DEFAULT 365 CHECK (keep_administration > 0),
    keep_security       BIGINT NOT NULL DEFAULT 365 CHECK (keep_security > 0),
    -- Whether agents of office PCs tell the names of people; which programs they look for (a JSON list).
    agent_names         BIGINT NOT NULL DEFAULT 0 CHECK (agent_names IN (0, 1)),
    -- Whoever may use a PC may have whoever is at it asked.
    ask_people          BIGINT NOT NULL DEFAULT 0 CHECK (ask_people IN (0, 1)),
    -- PCs may be used by a browser in the internet, without the tunnel.
    desktops_outside    BIGINT NOT NULL DEFAULT 0 CHECK (desktops_outside IN (0, 1)),
    programs            TEXT   NOT NULL DEFAULT '[]',
    -- Until when it was looked whether weekly hours of PCs have begun.
    hours_looked        BIGINT
);

-- Of somebody who was erased an empty row stays, for the devices that are never deleted to belong to.
CREATE TABLE users (
    id                TEXT   PRIMARY KEY,
    login             TEXT   NOT NULL UNIQUE,
    name              TEXT   NOT NULL,
    mail              TEXT,
    language          TEXT   NOT NULL CHECK (language IN ('fr', 'nl', 'ca', 'es', 'en')),
    role              TEXT   NOT NULL CHECK (role IN ('admin', 'user')),
    password_hash     TEXT,
    -- Nothing of somebody whose second factor is a passkey.
    totp_secret       TEXT,
    factor_confirmed_at BIGINT,
    totp_last_step    BIGINT NOT NULL DEFAULT 0,
    password_failures BIGINT NOT NULL DEFAULT 0,
    password_failures_elsewhere BIGINT NOT NULL DEFAULT 0,
    factor_failures   BIGINT NOT NULL DEFAULT 0,
    disabled_at       BIGINT,
    erased_at         BIGINT CHECK (erased_at IS NULL OR disabled_at IS NOT NULL),
    created_at        BIGINT NOT NULL
);

CREATE TABLE rules_accepted (
    user_id TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (user_id, version)
);

CREATE TABLE checklists (
    user_id     TEXT   PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    replies     TEXT   NOT NULL,
    answered_at BIGINT NOT NULL
);

CREATE TABLE mail_server (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    host     TEXT   NOT NULL,
    port     BIGINT NOT NULL,
    security TEXT   NOT NULL CHECK (security IN ('starttls', 'tls', 'none')),
    login    TEXT,
    password TEXT,
    sender   TEXT   NOT NULL
);

CREATE TABLE groups (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_of_user ON group_members (user_id);

-- Rows are never deleted: that keeps keys and addresses from ever being given twice.
CREATE TABLE devices (
    id            TEXT   PRIMARY KEY,
    user_id       TEXT   NOT NULL REFERENCES users (id),
    name          TEXT   NOT NULL,
    public_key    TEXT   NOT NULL UNIQUE,
    preshared_key TEXT,
    address4      TEXT   NOT NULL UNIQUE,
    address6      TEXT   NOT NULL UNIQUE,
    endpoint      TEXT,
    heard_at      BIGINT,
    handshake_at  BIGINT,
    disabled_at   BIGINT,
    revoked_at    BIGINT,
    created_at    BIGINT NOT NULL,
    -- It stands for their browsers in the internet: nobody has its private key, so it never has a tunnel.
    outside       BIGINT NOT NULL DEFAULT 0 CHECK (outside IN (0, 1))
);
CREATE UNIQUE INDEX devices_name ON devices (user_id, name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX devices_outside ON devices (user_id) WHERE outside = 1;

-- Addresses with a prefix length: one machine is a network of one. The aliases are the room that was given.
CREATE TABLE resources (
    id         TEXT   PRIMARY KEY,
    kind       TEXT   NOT NULL CHECK (kind IN ('share', 'service', 'workstation', 'network')),
    name       TEXT   NOT NULL UNIQUE,
    real4      TEXT,
    real6      TEXT,
    alias4     TEXT   NOT NULL UNIQUE,
    alias6     TEXT   NOT NULL UNIQUE,
    ports      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    CHECK (real4 IS NOT NULL OR real6 IS NOT NULL)
);

CREATE TABLE resource_names (
    name        TEXT   PRIMARY KEY,
    resource_id TEXT   NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    position    BIGINT NOT NULL
);
CREATE INDEX resource_names_of_resource ON resource_names (resource_id);

CREATE TABLE policies (
    id          TEXT   PRIMARY KEY,
    group_id    TEXT   NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    resource_id TEXT   NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    hours       TEXT,
    until       BIGINT,
    created_at  BIGINT NOT NULL,
    UNIQUE (group_id, resource_id)
);

-- `until` moves on while the device is in use, up to `cap`; each also in boot time of the boot named. `idle`: after so
-- many milliseconds without use it is over.
CREATE TABLE verifications (
    id         TEXT   PRIMARY KEY,
    device_id  TEXT   NOT NULL REFERENCES devices (id),
    user_id    TEXT   NOT NULL REFERENCES users (id),
    started_at BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    boot_id    TEXT   NOT NULL,
    until_boot BIGINT NOT NULL,
    cap        BIGINT NOT NULL,
    cap_boot   BIGINT NOT NULL,
    idle       BIGINT NOT NULL,
    grace_at   BIGINT,
    ended_at   BIGINT,
    end_reason TEXT
);
CREATE UNIQUE INDEX verifications_running ON verifications (device_id) WHERE ended_at IS NULL;
CREATE INDEX verifications_of_user ON verifications (user_id);

-- A telephone that is to take the place of the one in use waits in the session that began it (sealed), and goes with it.
CREATE TABLE web_sessions (
    token_hash           TEXT   PRIMARY KEY,
    id                   TEXT   NOT NULL UNIQUE,
    user_id              TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    device_id            TEXT   REFERENCES devices (id),
    created_at           BIGINT NOT NULL,
    seen_at              BIGINT NOT NULL,
    next_factor          TEXT,
    next_factor_at       BIGINT,
    next_factor_failures BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX web_sessions_of_user ON web_sessions (user_id);

-- For programs. `scopes` are words with a space between.
CREATE TABLE tokens (
    id         TEXT   PRIMARY KEY,
    name       TEXT   NOT NULL,
    token_hash TEXT   NOT NULL UNIQUE,
    scopes     TEXT   NOT NULL,
    created_by TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    used_at    BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX tokens_name ON tokens (name) WHERE revoked_at IS NULL;

CREATE TABLE invitations (
    id            TEXT   PRIMARY KEY,
    user_id       TEXT   NOT NULL REFERENCES users (id),
    token_hash    TEXT   NOT NULL UNIQUE,
    created_at    BIGINT NOT NULL,
    until         BIGINT NOT NULL,
    password_hash TEXT,
    totp_secret   TEXT,
    failures      BIGINT NOT NULL DEFAULT 0,
    mailed_at     BIGINT,
    reminded_at   BIGINT,
    redeemed_at   BIGINT,
    revoked_at    BIGINT
);

CREATE TABLE recovery_codes (
    user_id   TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_hash TEXT   NOT NULL,
    used_at   BIGINT,
    PRIMARY KEY (user_id, code_hash)
);

-- `credential_id` is unpadded base64url as browsers write it, `public_key` a COSE key in base64. Rows stay: a revoked
-- passkey is never registered anew.
CREATE TABLE passkeys (
    id            TEXT   PRIMARY KEY,
    user_id       TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,
    credential_id TEXT   NOT NULL UNIQUE,
    public_key    TEXT   NOT NULL,
    algorithm     BIGINT NOT NULL,
    signatures    BIGINT NOT NULL CHECK (signatures >= 0),
    created_at    BIGINT NOT NULL,
    used_at       BIGINT,
    revoked_at    BIGINT
);
CREATE UNIQUE INDEX passkeys_name ON passkeys (user_id, name) WHERE revoked_at IS NULL;

-- Tries per login (known or not) and per source; the key says which.
CREATE TABLE throttles (
    key        TEXT   PRIMARY KEY,
    since      BIGINT NOT NULL,
    failures   BIGINT NOT NULL,
    wait_until BIGINT NOT NULL
);

CREATE TABLE audit (
    id      TEXT   PRIMARY KEY,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    event   TEXT   NOT NULL,
    login   TEXT,
    details TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_login ON audit (login, id);

-- Office PCs, beside what is published of each: hardware addresses and what its last wakes took (JSON lists), when it is
-- woken by itself (weekly hours), whether it sleeps again after use from afar.
CREATE TABLE workstations (
    resource_id TEXT   PRIMARY KEY REFERENCES resources (id) ON DELETE CASCADE,
    macs        TEXT   NOT NULL,
    took        TEXT   NOT NULL,
    wake_hours  TEXT,
    sleep_again BIGINT NOT NULL CHECK (sleep_again IN (0, 1)),
    -- SHA-256 of the certificate by which it was known when it was last used in a browser, and whether it had NLA then.
    certificate TEXT,
    nla         BIGINT CHECK (nla IN (0, 1))
);

-- What a PC was doing from when on.
CREATE TABLE workstation_states (
    id          TEXT   PRIMARY KEY,
    resource_id TEXT   NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    at          BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    reason      TEXT   NOT NULL
);
CREATE INDEX workstation_states_of_resource ON workstation_states (resource_id, at);
CREATE INDEX workstation_states_at ON workstation_states (at);

-- `hosts`: whom it approves, by what they call themselves: which PC each is, if IT said so, and which agent came as it
-- (JSON). Others who show the token wait for IT. `resource_id`: for this PC alone.
CREATE TABLE agent_tokens (
    id          TEXT   PRIMARY KEY,
    name        TEXT   NOT NULL,
    token_hash  TEXT   NOT NULL UNIQUE,
    uses        BIGINT NOT NULL CHECK (uses >= 0),
    hosts       TEXT   NOT NULL,
    resource_id TEXT   REFERENCES resources (id) ON DELETE CASCADE,
    created_by  TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    until       BIGINT NOT NULL,
    revoked_at  BIGINT
);

-- `key_hash` is SHA-256 of the certificate's key (SubjectPublicKeyInfo), in base64. Rows stay: a key that was revoked is
-- never enrolled anew. `facts` are the last ones, without people.
CREATE TABLE agents (
    id          TEXT   PRIMARY KEY,
    host        TEXT   NOT NULL,
    key_hash    TEXT   NOT NULL UNIQUE,
    resource_id TEXT   UNIQUE REFERENCES resources (id) ON DELETE SET NULL,
    token       TEXT   NOT NULL,
    program     TEXT   NOT NULL,
    facts       TEXT,
    heard_at    BIGINT,
    gone        TEXT,
    gone_at     BIGINT,
    enrolled_at BIGINT NOT NULL,
    approved_at BIGINT,
    revoked_at  BIGINT
);

-- Office PCs with the same licensed program: `seats` of them may be used at once, all where it is absent. Minutes; 0: not
-- at all. `desktop_…` are of a desktop there; absent: what holds for the site.
CREATE TABLE pools (
    id              TEXT   PRIMARY KEY,
    name            TEXT   NOT NULL UNIQUE,
    seats           BIGINT CHECK (seats > 0),
    longest_booking_minutes BIGINT NOT NULL CHECK (longest_booking_minutes >= 0),
    desktop_idle_minutes    BIGINT CHECK (desktop_idle_minutes >= 0),
    desktop_longest_minutes BIGINT CHECK (desktop_longest_minutes >= 0),
    created_at      BIGINT NOT NULL
);

-- A PC is in one pool at most.
CREATE TABLE pool_members (
    resource_id TEXT PRIMARY KEY REFERENCES resources (id) ON DELETE CASCADE,
    pool_id     TEXT NOT NULL REFERENCES pools (id) ON DELETE CASCADE
);
CREATE INDEX pool_members_of_pool ON pool_members (pool_id);

-- `freed_at`: over before its time, and why.
CREATE TABLE bookings (
    id          TEXT   PRIMARY KEY,
    resource_id TEXT   NOT NULL REFERENCES resources (id) ON DELETE CASCADE,
    user_id     TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    begins      BIGINT NOT NULL,
    ends        BIGINT NOT NULL,
    booked_at   BIGINT NOT NULL,
    freed_at    BIGINT,
    freed       TEXT,
    CHECK (begins < ends)
);
CREATE INDEX bookings_ends ON bookings (ends);
CREATE INDEX bookings_of_user ON bookings (user_id);
CREATE INDEX bookings_of_resource ON bookings (resource_id);

-- What nobody has twice: a quarter of an hour (Unix time) of a PC, and one of a person.
CREATE TABLE booked_quarters (
    resource_id TEXT   NOT NULL,
    quarter     BIGINT NOT NULL,
    user_id     TEXT   NOT NULL,
    booking_id  TEXT   NOT NULL REFERENCES bookings (id) ON DELETE CASCADE,
    PRIMARY KEY (resource_id, quarter)
);
CREATE UNIQUE INDEX booked_quarters_of_user ON booked_quarters (user_id, quarter);
CREATE INDEX booked_quarters_of_booking ON booked_quarters (booking_id);

-- Who signs `.rdp` files: the key (sealed), its certificate (DER), and when another takes its place.
CREATE TABLE publisher (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    private_key TEXT   NOT NULL,
    certificate TEXT   NOT NULL,
    renew_at    BIGINT NOT NULL
);
