package api

// exampleNumbers and exampleTexts are examples by the name of a property, for those that have none of their own.
var exampleNumbers = map[string]any{
	"size": 48211, "width": 200, "height": 64, "x": 350, "y": 48, "total": 3, "amount": 350000, "price": 350000, "seconds": 240, "seq": 4, "days": 90,
}

var exampleTexts = map[string]string{ //nolint:gosec // examples are no secrets
	"id": exampleID, "registration_id": exampleID, "signing_id": exampleID, "process_id": exampleID, "request_id": "VNEID-2026-000123",
	"signed_id": exampleID, "login_id": exampleID, "code_id": exampleID, "key_id": "key-5c2d41aa", "incident_id": exampleID + "-timestamp-1",
	"self": "/v1/signings/" + exampleID, "next": "/v1/signings?cursor=MjAyNi0wMy0wMg&limit=50", "page": "/sign/" + exampleID,
	"content": "/v1/signings/" + exampleID + "/documents/0/content", "path": "/v1/signings/" + exampleID,
	"sha256": exampleDigest, "final_sha256": exampleDigest, "signed_sha256": exampleDigest, "text_sha256": exampleDigest,
	"fingerprint": exampleDigest, "trust": exampleDigest, "hash": exampleDigest, "prev": exampleDigest, "previous": exampleDigest,
	"digest_prefix": "9f86d081", "short_code": "4821", "serial": "54ab12cd", "name": "hop-dong.pdf", "user": "079095012345",
	"reason": "Duyệt hợp đồng", "location": "Hà Nội", "provider": "intrustca", "step": "timestamp", "code": "provider-unavailable",
	"title": "Chờ xác nhận trên điện thoại", "title_en": "Waiting for the approval on the phone", "message": "answered 503", "message_vi": "không trả lời",
	"owner": "team-contracts", "made_by": "admin", "scopes": "signings", "secret": "kyso_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	"url": "https://example.vn/hooks/kyso", "pay_url": "https://pay.example.vn/?order=P-1", "txn_ref": "P-20260302-0001", "paid_ref": "P-20260302-0001",
	"email": "anh@example.vn", "phone": "+84901234567", "password": "mot hai ba bon", "before": "mot hai ba bon", "after": "nam sau bay tam",
	"full_name": "Trần Văn Ánh", "id_number": "079095012345", "birth_date": "1995-02-03", "sex": "male", "nationality": "Việt Nam",
	"province": "Hà Nội", "commune": "Phường Láng", "address": "Số 18 đường Láng", "id_issued_on": "2021-05-12", "id_expires_on": "2035-02-03",
	"id_issued_by": "Cục Cảnh sát quản lý hành chính về trật tự xã hội", "officer": "officer-1", "assignee": "op-1", "actor": "op-1", "editors": "citizen",
	"public_note": "Ghi rõ số nhà", "internal_note": "Đã gọi điện", "package": "PS1", "name_vi": "Gói một năm", "name_en": "One year", "issuer": "intrustca",
	"token": "aHR0cHM6Ly9leGFtcGxl", "action": "retry", "actions": "retry", "events": "signing.*", "correctable": "address", "fields": "address",
	"text": "đã gọi", "text_en": "called", "vi": "Tệp có chữ ký số", "en": "The file has a digital signature", "why_vi": "Chữ ký hợp lệ", "why_en": "The signature is valid",
	"signature": "c2lnbmF0dXJl", "public_key": "cHVibGljIGtleQ==", "key": "kyso_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "certificates": "MIIB", "ocsps": "MIIB", "crls": "MIIB",
	"command": "temporal workflow signal --query \"KysoReason='provider-unavailable'\" --name repair", "number": "HD-2026-000123", "template": "contract-1",
	"kind": "signing", "object": exampleID, "status": "awaiting-approval", "level": "B-LT", "level_reached": "B-LT", "verdict": "TOTAL_PASSED",
	"certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "signer": "Trần Văn Ánh", "common_name": "Trần Văn Ánh",
	"place": "signings", "old": "Số 8 đường Láng", "new": "Số 18 đường Láng", "template_version": "1", "version": "1.7", "algorithm": "RSASSA-PKCS1-v1_5 with SHA-256",
}
