-- +goose Up

-- One transaction of VNPay pays one attempt. The first to claim a number keeps it; a later claim goes to review.
CREATE TABLE payment_transactions (
    transaction_no TEXT PRIMARY KEY,
    txn_ref        TEXT NOT NULL REFERENCES payments (txn_ref)
);
INSERT INTO payment_transactions (transaction_no, txn_ref)
    SELECT transaction_no, MIN(txn_ref) FROM payments
    WHERE status IN ('captured', 'refunded') AND transaction_no NOT IN ('', '0') GROUP BY transaction_no;

-- For payments that an earlier release captures meanwhile: it claims nothing.
CREATE INDEX payments_transaction ON payments (transaction_no);

-- +goose Down
DROP INDEX payments_transaction;
DROP TABLE payment_transactions;
