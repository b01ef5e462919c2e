-- +goose Up

-- Which payment party takes an attempt; those of before there could be several are VNPay's.
ALTER TABLE payments ADD COLUMN gateway TEXT NOT NULL DEFAULT 'vnpay';

-- What the party wants to hear again about a payment, sealed whole under the key of the store: its room alone reads it. Without one
-- transaction_no says it, as programs of earlier releases write it. response_code and bank_status are written by them alone.
ALTER TABLE payments ADD COLUMN reference BLOB;

-- +goose Down
ALTER TABLE payments DROP COLUMN reference;
ALTER TABLE payments DROP COLUMN gateway;
