-- +goose Up

-- VNPay's numbers are compared as numbers: 014 is 14, and 0 is none. Earlier releases kept them as they came.
UPDATE payments SET transaction_no = LTRIM(transaction_no, '0') WHERE transaction_no LIKE '0%';
INSERT INTO payment_transactions (transaction_no, txn_ref)
    SELECT LTRIM(transaction_no, '0'), MIN(txn_ref) FROM payment_transactions
    WHERE transaction_no LIKE '0%' AND LTRIM(transaction_no, '0') <> '' GROUP BY LTRIM(transaction_no, '0')
    ON CONFLICT DO NOTHING;
DELETE FROM payment_transactions WHERE transaction_no LIKE '0%';

-- For giving up a registration, which revokes every number that it has taken.
CREATE INDEX issued_serials_registration ON issued_serials (registration_id);

-- +goose Down
DROP INDEX issued_serials_registration;
