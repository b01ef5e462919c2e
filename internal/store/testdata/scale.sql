-- Rows as years of work leave them: nearly all ended, some waiting, some parked. :rows is replaced by how many registrations there are.
-- Nothing in them can be opened; only plans are asked for.
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO subjects (id, lookup, wrapped) SELECT 'subj-' || i, md5('c' || i), '\xab' FROM generate_series(1, :rows) i;
INSERT INTO registrations (id, request_id, request_digest, subject_id, issuer, status, seq, reason, facts, person, certificate, incident_id, handoff, handoff_expires,
        handoff_used_at, created_at, updated_at, started_at, told, papers_sealed, compared_at)
    SELECT 'reg-' || i, 'req-' || i, md5('d' || i), 'subj-' || i, 'kyso',
        CASE WHEN i % 100 = 0 THEN 'requested' WHEN i % 200 = 1 THEN 'in-review' WHEN i % 50 = 3 THEN 'expired' ELSE 'active' END, 14, '',
        '{"package":"PS1","price_vnd":300000,"account_id":"acc-' || i || '"}', decode(repeat('cd', 200), 'hex'), decode(repeat('ef', 200), 'hex'),
        CASE WHEN i % 1000 = 1 THEN 'inc-' || i END, md5('h' || i), at, CASE WHEN i % 200 > 0 THEN at END, at, at + interval '2 days', CASE WHEN i % 5000 > 0 THEN at END,
        CASE WHEN i % 5000 = 1 THEN 13 ELSE 14 END, i % 5000 > 0, now() - (i % 10080) * interval '1 minute'
    FROM (SELECT i, now() - (:rows - i) * interval '400 days' / :rows AS at FROM generate_series(1, :rows) i) n;
INSERT INTO accounts (id, subject_id, phone, phone_lookup, email, password, created_at, failures)
    SELECT 'acc-' || i, 'subj-' || i, '\xaa', md5('p' || i), '\xaa', '\xaa', now(), 0 FROM generate_series(1, :rows) i;
INSERT INTO consents (registration_id, purpose, consent) SELECT 'reg-' || i, p, '{}' FROM generate_series(1, :rows) i, unnest(ARRAY['terms', 'data']) p;
INSERT INTO reviews (id, registration_id, review, public_note, internal_note, round) SELECT 'rev-' || i, 'reg-' || i, '{}', '\xaa', '\xaa', 7 FROM generate_series(1, :rows) i;
INSERT INTO corrections (id, registration_id, round, made_at) SELECT 'cor-' || i, 'reg-' || i, 6, now() FROM generate_series(1, :rows, 5) i;
INSERT INTO handoffs (digest, registration_id, created_at, expires_at) SELECT md5('x' || i), 'reg-' || i, now(), now() FROM generate_series(1, :rows) i;
INSERT INTO issued_serials (issuer, serial, registration_id) SELECT 'kyso', md5('s' || i), 'reg-' || i FROM generate_series(1, :rows) i;
INSERT INTO claims (registration_id, officer, claimed_at, expires_at) SELECT 'reg-' || i, 'officer-' || i % 20, now(), now() - interval '30 days' FROM generate_series(1, :rows, 2) i;
INSERT INTO identity_fixes (registration_id, digest, proposed_by, proposed_at) SELECT 'reg-' || i, 'd', 'op', now() FROM generate_series(1, :rows, 20) i;
INSERT INTO codes (id, registration_id, purpose, phone, phone_lookup, binding, digest, created_at, expires_at, sent_at, used_at, attempts, superseded)
    SELECT 'code-' || i || p, 'reg-' || i, p, '\xaa', md5('p' || i), 'b', 'd', now() - (:rows - i) * interval '400 days' / :rows, now(), now(), now(), 1, p = 'account'
    FROM generate_series(1, :rows, 2) i, unnest(ARRAY['account', 'contract', 'activation']) p;
INSERT INTO login_challenges (id, purpose, owner, account_id, phone_lookup, digest, created_at, expires_at, sent_at, proven_at, closed_at, attempts)
    SELECT 'ch-' || i, 'login', 'guest', 'acc-' || i, md5('p' || i), 'd', now() - i * interval '48 hours' / :rows, now(), now(), now(), now(), 1 FROM generate_series(1, :rows, 4) i;
INSERT INTO password_tries (id, failures, free_at, ends_at) SELECT md5('t' || i), 1, 0, now() + i * interval '24 hours' / :rows FROM generate_series(1, :rows, 10) i;
INSERT INTO payments (txn_ref, registration_id, attempt, amount_vnd, status, created_at, expires_at, transaction_no, response_code, bank_status, decided_at, refund_id, settled_at)
    SELECT 'txn' || i, 'reg-' || i, 1, 300000, CASE WHEN i % 1000 = 0 THEN 'pending' ELSE 'captured' END, now() - (:rows - i) * interval '400 days' / :rows, now(), 't' || i, '00', '00', now(), '',
        CASE WHEN i % 1000 > 1 THEN now() END FROM generate_series(1, :rows) i;
INSERT INTO payment_transactions (transaction_no, txn_ref) SELECT 't' || i, 'txn' || i FROM generate_series(1, :rows) i;
INSERT INTO process_transitions (kind, process_id, seq, status, at, detail) SELECT 'registration', 'reg-' || i, s, 'active', now(), '' FROM generate_series(1, :rows, 10) i, generate_series(1, 14) s;
INSERT INTO process_transitions (kind, process_id, seq, status, at, detail) SELECT 'signing', 'sig-' || i, s, 'signed', now(), '' FROM generate_series(1, :rows, 4) i, generate_series(1, 6) s;
INSERT INTO process_incidents (id, kind, process_id, stray, step, reason, message, provider, since, attempts, closed_at, action, actor, note)
    SELECT 'inc-' || i, CASE WHEN i % 2 = 0 THEN 'signing' ELSE 'registration' END, CASE WHEN i % 2 = 0 THEN 'sig-' ELSE 'reg-' END || i, FALSE,
        (ARRAY['issue', 'request', 'embed'])[i % 3 + 1], (ARRAY['provider-unavailable', 'internal', 'record-missing'])[i % 3 + 1], 'm', (ARRAY['ca', 'intrustca'])[i % 2 + 1],
        now() - (:rows - i) * interval '400 days' / :rows, 1, CASE WHEN i % 1000 <> 1 THEN now() END, 'retry', '\x00', '\x00' FROM generate_series(1, :rows, 5) i;
INSERT INTO incident_entries (incident_id, seq, at, kind, attempt, reason, words, actor) SELECT 'inc-' || i, s, now(), 'failed', 1, 'internal', '\x00', '' FROM generate_series(1, :rows, 5) i, generate_series(1, 2) s;
INSERT INTO signings (id, content, provider, user_id, user_lookup, serial, level, reason, location, certificate, status, approval_id, created_at, updated_at, started_at, subject_id, signer_lookup, asked_by)
    SELECT 'sig-' || i, md5('x' || i), 'intrustca', '\xaa', md5('u' || i % (:rows / 5 + 1)), '', CASE WHEN i % 10000 = 0 THEN 'B-LTA' ELSE 'B-T' END, '\xaa', '\xaa', 'fp',
        CASE WHEN i % 1000 = 0 THEN 'created' WHEN i % 1000 = 1 THEN 'awaiting-approval' ELSE 'signed' END, 'app-' || i, at, at, CASE WHEN i % 5000 > 0 THEN at END, 'subj-' || i, md5('u' || i), 'bank'
    FROM (SELECT i, now() - (:rows - i) * interval '400 days' / :rows AS at FROM generate_series(1, :rows) i) n;
INSERT INTO documents (signing_id, position, upload_id, name, size, sha256, placement, prepared, signed_id, signed_sha256, level)
    SELECT 'sig-' || i, 0, 'up-' || i, '\xaa', 100, md5('s' || i), '{}', '{}', 'up-s' || i, 's', 'B-T' FROM generate_series(1, :rows) i;
INSERT INTO uploads (id, name, size, sha256, hash_state, segments, created_at, key_id) SELECT 'up-' || s || i, '\xaa', 100, md5('s' || i), '\xaa', '[]', now(), 'key-' || i FROM generate_series(1, :rows) i, unnest(ARRAY['', 's']) s;
INSERT INTO document_keys (id, subject_id, wrapped, created_at) SELECT 'key-' || i, 'subj-' || i, '\xaa', now() FROM generate_series(1, :rows) i;
INSERT INTO upload_quotas (upload_id, holder, bytes, created_at) SELECT 'up-' || i, 'holder-' || i % 1000, 100, now() FROM generate_series(1, :rows) i;
INSERT INTO approvals (our_id, signing_id, response_id, tran_code, short_code, accepted_at, expires_at, outcome) SELECT 'app-' || i, 'sig-' || i, '', '', '1234', now(), now(), 'approved' FROM generate_series(1, :rows) i;
INSERT INTO approval_ids (provider, transaction_id, our_id) SELECT 'intrustca', 'tx-' || i, 'app-' || i FROM generate_series(1, :rows) i;
INSERT INTO signature_values (signing_id, request_id, position, sha256, value, received_at, used) SELECT 'sig-' || i, 'app-' || i, 0, md5('v' || i), '\xaa', now(), 'embedded' FROM generate_series(1, :rows) i;
INSERT INTO grants (kind, object, owner, created_at) SELECT 'signing', 'sig-' || i, 'owner-' || i % 1000, now() - (:rows - i) * interval '400 days' / :rows FROM generate_series(1, :rows) i;
INSERT INTO grants (kind, object, owner, created_at) SELECT 'registration', 'reg-' || i, 'owner-' || i % 1000, now() - (:rows - i) * interval '400 days' / :rows FROM generate_series(1, :rows) i;
INSERT INTO idempotency (id, request, started_at, status, content_type, body, about) SELECT md5('k' || i), md5('r' || i), now() - i * interval '6 days' / :rows, 202, 'application/json', '\xaa', 'sig-' || i FROM generate_series(1, :rows * 5) i;
INSERT INTO webhook_endpoints (id, owner, url, events, secret, created_at) SELECT 'we-' || i, 'owner-' || i, '\x00', '*', '\x00', now() FROM generate_series(1, 100) i;
INSERT INTO webhook_messages (endpoint_id, id, type, body, created_at, round, started_at, attempts, last_answer, delivered_at)
    SELECT 'we-' || i % 100 + 1, 'm-' || i, 'signing.completed', '{}', at, 0, CASE WHEN i % 5000 > 0 THEN at END, 1, '200', CASE WHEN i % 1000 > 0 THEN at END
    FROM (SELECT i, now() - (:rows * 5 - i) * interval '80 days' / :rows AS at FROM generate_series(1, :rows * 5) i) n;
INSERT INTO sessions (id, digest, owner, key_id, scopes, created_at, seen_at, expires_at, account_id) SELECT 's-' || i, md5('q' || i), 'guest-' || i, '', 'guest', now(), now(), now() + interval '1 hour', CASE WHEN i % 5 = 0 THEN 'acc-' || i ELSE '' END FROM generate_series(1, :rows) i;
INSERT INTO inbox (id, provider, transaction_id, body, received_at, handled) SELECT 'in-' || i, 'intrustca', 't' || i, '\xaa', now(), i % 5000 > 0 FROM generate_series(1, :rows, 2) i;
INSERT INTO decisions (id, kind, process, object, actor, principal, content, created_at, expires_at) SELECT 'dec-' || i, 'review', 'registration', 'reg-' || i, 'officer', 'officer', '\xaa', now(), now() FROM generate_series(1, :rows, 2) i;
INSERT INTO decision_takes (decision_id, object, taker, taken_at) SELECT 'dec-' || i, 'reg-' || i, 't', now() FROM generate_series(1, :rows, 2) i;
INSERT INTO links (digest, kind, object, expires_at) SELECT md5('l' || i), 'signing', 'sig-' || i, now() FROM generate_series(1, :rows, 2) i;
INSERT INTO limits (id, span, used, earlier, ends_at) SELECT md5('lim' || i), 1, 1, 1, now() + i * interval '1 hour' / :rows FROM generate_series(1, :rows, 2) i;
INSERT INTO leftovers (kind, name, due) SELECT 'blobs', 'b-' || i, now() + i * interval '1 hour' / :rows FROM generate_series(1, :rows, 10) i;
INSERT INTO verifications (id, owner, size, sha256, created_at, trust, name, report, material) SELECT 'ver-' || i, 'owner-' || i % 1000, 1, md5('w' || i), now() - (:rows - i) * interval '400 days' / :rows, '{}', '\xaa', '\xaa', '\xaa' FROM generate_series(1, :rows) i;
INSERT INTO verification_keys (id, wrapped) SELECT 'ver-' || i, '\xaa' FROM generate_series(1, :rows) i;
INSERT INTO verification_people (lookup, verification_id) SELECT md5('c' || i), 'ver-' || i FROM generate_series(1, :rows) i;
INSERT INTO api_keys (id, digest, owner, name, scopes, created_at, expires_at) SELECT 'key-' || i, md5('ak' || i), 'owner-' || i, 'n', 'sign', now(), now() FROM generate_series(1, 1000) i;
INSERT INTO audit (seq, at, kind, object, actor, detail, prev, hash) SELECT i, now(), 'transition', 'reg-' || i % :rows, '', '3 a→b', repeat('p', 64), repeat('h', 64) FROM generate_series(1, :rows * 10) i;
INSERT INTO audit_checkpoints (number, seq, hash, at, previous, key_id, signature) SELECT i, i * 10, 'h', now(), 'p', 'k', '\xaa' FROM generate_series(1, :rows / 2) i;
SET session_replication_role = DEFAULT;
ANALYZE;
