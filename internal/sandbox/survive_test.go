package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/vn"
)

// wanderer walks through a world that is killed and woken again and again.
type wanderer struct {
	t      *testing.T
	w      *World
	dir    string
	now    time.Time
	random *rand.Rand
	kyso   *httptest.Server
	log    *lines

	requests, keys, csrs, refs []string
	keyOf                      map[string]string // by CSR
	certificates               map[string][]byte // by key
	steps                      []string
	n                          int
}

// lines collects what the world logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wake makes a world from what is on disk, as after kill -9.
func (v *wanderer) wake() {
	v.t.Helper()
	var err error
	v.w, err = New(Options{Dir: v.dir, Clock: func() time.Time { return v.now }, Logger: slog.New(slog.NewTextHandler(v.log, nil)),
		KysoURL: v.kyso.URL, HandoffURL: v.kyso.URL + "/register", WebhookURL: v.kyso.URL + "/hook", IPNURL: v.kyso.URL + "/ipn"})
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.w.SetBaseURL("http://127.0.0.1:9"); err != nil {
		v.t.Fatal(err)
	}
}

func (v *wanderer) call(h http.Handler, method, path string, body any, header http.Header) (int, map[string]any) {
	v.t.Helper()
	data, ok := body.([]byte)
	if !ok && body != nil {
		data, _ = json.Marshal(body)
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(data))
	r.Header.Set("Content-Type", "application/json")
	for name := range header {
		r.Header.Set(name, header.Get(name))
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	answer := map[string]any{}
	_ = json.Unmarshal(rec.Body.Bytes(), &answer)
	return rec.Code, answer
}

func (v *wanderer) ca(method, path string, body any) map[string]any {
	_, answer := v.call(v.w.Parties(), method, "/ca/v1"+path, body, http.Header{"Authorization": {"Bearer " + DefaultCAKey}})
	return answer
}

// signed are the headers of what VNeID and kyso tell each other.
func (v *wanderer) signed(body []byte) http.Header {
	timestamp := strconv.FormatInt(v.now.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(DefaultVNeIDSecret))
	mac.Write([]byte(timestamp + "." + string(body)))
	return http.Header{"X-Timestamp": {timestamp}, "X-Signature": {hex.EncodeToString(mac.Sum(nil))}}
}

func (v *wanderer) id() string { v.n++; return fmt.Sprintf("R-%d", v.n) }

func pick[T any](v *wanderer, list []T) (one T, ok bool) {
	if len(list) == 0 {
		return one, false
	}
	return list[v.random.IntN(len(list))], true
}

const (
	walkCitizen = "001302004567"
	walkSigner  = "079095012345"
)

// acts are everything that may change a world. Most of it fails most of the time, which is as it should be.
func (v *wanderer) acts() map[string]func() {
	one := func(list []string) string { s, _ := pick(v, list); return s }
	key := func(act string, body any) func() {
		return func() { v.ca("POST", "/keys/"+one(v.keys)+act, body) }
	}
	return map[string]func(){
		"vneid-request": func() {
			if id, _, err := v.w.SubmitRequest(walkCitizen); err == nil {
				v.requests = append(v.requests, id)
			}
		},
		"vneid-report": func() {
			status, _ := pick(v, []string{"RECEIVED", "IN_PROGRESS", "WAITING_APPROVAL", "REJECTED", "ISSUED", "ACTIVE", "REVOKED", "CANCELLED"})
			body, _ := json.Marshal(map[string]string{"event_id": v.id(), "status": status})
			v.call(v.w.Parties(), "POST", "/vneid/partner/v1/requests/"+one(v.requests)+"/status", body, v.signed(body))
		},
		"vneid-login": func() {
			r := httptest.NewRequest("POST", "/vneid/login", strings.NewReader(url.Values{"id_number": {walkCitizen}, "passcode": {"123456"}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			v.w.Phone().ServeHTTP(httptest.NewRecorder(), r)
		},
		"key": func() {
			if len(v.keys) > 2 { // keys take their time
				return
			}
			if id, ok := v.ca("POST", "/keys", map[string]string{"request_id": v.id(), "id_number": walkCitizen, "algorithm": "rsa-2048"})["key_id"].(string); ok {
				v.keys = append(v.keys, id)
			}
		},
		"csr": func() {
			id := one(v.keys)
			answer := v.ca("POST", "/keys/"+id+"/csr", map[string]any{"subject": map[string]string{
				"common_name": "NGUYỄN THỊ LAN", "uid": "CCCD:" + walkCitizen, "province": "HÀ NỘI", "locality": "CẦU GIẤY"}})
			if csr, ok := answer["csr"].(string); ok {
				v.csrs = append(v.csrs, csr)
				v.keyOf[csr] = id
			}
		},
		"issue": func() {
			csr := one(v.csrs)
			answer := v.ca("POST", "/certificates", map[string]any{"request_id": v.id(), "csr": csr, "months": 12})
			if cert, ok := answer["certificate"].(string); ok {
				der, _ := base64.StdEncoding.DecodeString(cert)
				v.certificates[v.keyOf[csr]] = der
			}
		},
		"install": func() {
			id := one(v.keys)
			v.ca("POST", "/keys/"+id+"/install", map[string][]byte{"certificate": v.certificates[id]})
		},
		"start":    key("/start-activation", struct{}{}),
		"pin":      func() { _ = v.w.SetPIN(walkCitizen, "280594") },
		"activate": key("/activate", struct{}{}),
		"destroy":  key("/destroy", struct{}{}),
		"state":    func() { v.ca("GET", "/keys/"+one(v.keys), nil) },
		"search":   func() { v.ca("POST", "/certificates/search", map[string]string{"id_number": walkCitizen}) },
		"revoke": func() {
			if serials, err := v.w.Serials(one([]string{walkCitizen, walkSigner})); err == nil {
				v.ca("POST", "/certificates/"+one(serials)+"/revoke", map[string]any{"request_id": v.id(), "reason": 5})
			}
		},
		"suspend": func() {
			if serials, err := v.w.Serials(one([]string{walkCitizen, walkSigner})); err == nil {
				_ = v.w.Suspend(one(serials))
			}
		},
		"restore": func() {
			if serials, err := v.w.Serials(one([]string{walkCitizen, walkSigner})); err == nil {
				_ = v.w.Restore(one(serials))
			}
		},
		"sign": func() {
			v.call(v.w.Parties(), "POST", "/sca/sp769/v1/signatures/sign", map[string]any{"sp_id": DefaultSPID, "sp_password": DefaultSPPassword,
				"user_id": one([]string{walkCitizen, walkSigner}), "transaction_id": v.id(), "sign_files": []map[string]string{{
					"data_to_be_signed": strings.Repeat("ab", 32), "doc_id": "a", "file_type": "pdf", "sign_type": "hash"}}}, nil)
		},
		"approve": func() { _, _ = v.w.Approve(one([]string{walkCitizen, walkSigner})) },
		"decline": func() { _, _ = v.w.Decline(one([]string{walkCitizen, walkSigner})) },
		"ignore":  func() { _, _ = v.w.Ignore(one([]string{walkCitizen, walkSigner})) },
		"pay": func() {
			q := url.Values{"vnp_Version": {"2.1.0"}, "vnp_Command": {"pay"}, "vnp_TmnCode": {DefaultTmnCode}, "vnp_Amount": {"10000000"},
				"vnp_CreateDate": {v.now.In(vn.Zone).Format("20060102150405")}, "vnp_CurrCode": {"VND"}, "vnp_IpAddr": {"127.0.0.1"}, "vnp_Locale": {"vn"},
				"vnp_OrderInfo": {"goi dich vu"}, "vnp_OrderType": {"other"}, "vnp_ReturnUrl": {v.kyso.URL}, "vnp_TxnRef": {v.id()},
				"vnp_ExpireDate": {v.now.Add(15 * time.Minute).In(vn.Zone).Format("20060102150405")}}
			mac := hmac.New(sha512.New, []byte(DefaultVNPaySecret))
			mac.Write([]byte(q.Encode()))
			q.Set("vnp_SecureHash", hex.EncodeToString(mac.Sum(nil)))
			if ref, err := v.w.OpenPayURL("http://127.0.0.1:9/?" + q.Encode()); err == nil {
				v.refs = append(v.refs, ref)
			}
		},
		"paid": func() {
			_ = v.w.PayOrder(one(v.refs), "pay")
		},
		"suspicious": func() {
			_ = v.w.PayOrder(one(v.refs), "suspicious")
		},
		"sms": func() {
			v.call(v.w.Parties(), "POST", "/esms/MainService.svc/json/SendMultipleMessage_V4_post_json/", map[string]string{
				"ApiKey": DefaultSMSAPIKey, "SecretKey": DefaultSMSSecretKey, "SmsType": "2", "Brandname": "KYSO",
				"Phone": "0901234567", "Content": "123456", "RequestId": v.id()}, nil)
		},
		"knobs": func() {
			modes := []Knobs{{}, {CMSAnswer: true}, {Webhook: "late"}, {Certificates: []string{"valid+p256"}}, {DifferentResponseID: true},
				{Faults: []Fault{{On: "sign", Do: "500", Times: 2}}}, {Decision: DecisionApprove, DecisionAfterSeconds: 30}}
			k, _ := pick(v, modes)
			_ = v.w.SetKnobs(walkSigner, k)
		},
		"settings": func() {
			_ = v.w.UpdateSettings(func(s *Settings) {
				s.IPN = one([]string{"", "late", "double", "forged"})
				s.Webhook = one([]string{"", "late", "lost", "double"})
			})
		},
		"time": func() {
			v.now = v.now.Add(time.Duration(v.random.IntN(400)) * time.Second)
			v.w.Settle()
		},
	}
}

// TestEveryStateSurvivesAReload walks at random and kills the world at every third step. What is loaded equals what was
// there, nothing panics, and every lock is free.
func TestEveryStateSurvivesAReload(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			kyso := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/v1/vneid/requests") {
					rw.WriteHeader(http.StatusAccepted)
				}
				_, _ = rw.Write([]byte(`{"RspCode":"00"}`))
			}))
			t.Cleanup(kyso.Close)
			v := &wanderer{t: t, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second), random: rand.New(rand.NewPCG(seed, 1)),
				kyso: kyso, log: &lines{}, certificates: map[string][]byte{}, keyOf: map[string]string{}}
			v.wake()
			acts := v.acts()
			// The way of a registration first, so that the walk begins where there is something to break.
			names := []string{"vneid-request", "key", "csr", "issue", "install", "start", "pin", "activate"}
			for i := range 90 {
				var name string
				if i < len(names) {
					name = names[i]
				} else {
					name, _ = pick(v, slices.Sorted(maps.Keys(acts))) // in order, so that a seed repeats its walk
				}
				v.steps = append(v.steps, name)
				acts[name]()
				v.check()
				if v.random.IntN(3) == 0 {
					v.wake()
				}
			}
		})
	}
}

func (v *wanderer) check() {
	v.t.Helper()
	v.w.Wait()
	if text := v.log.String(); strings.Contains(text, "panicked") {
		v.t.Fatalf("after %v:\n%s", v.steps, text)
	}
	free(v.t, v.w, fmt.Sprint("after ", v.steps))
	if err := v.w.Flush(); err != nil {
		v.t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(v.dir, "sandbox.json"))
	if err != nil {
		v.t.Fatal(err)
	}
	copied := v.t.TempDir()
	if err := os.WriteFile(filepath.Join(copied, "sandbox.json"), file, 0o600); err != nil {
		v.t.Fatal(err)
	}
	other, err := New(Options{Dir: copied, Clock: func() time.Time { return v.now }})
	if err != nil {
		v.t.Fatalf("after %v: %v", v.steps, err)
	}
	for i, party := range v.w.Kernel.Parties() {
		kernel.Locked(party.Lock, func() {
			if why := differs(party.Name, reflect.ValueOf(party.State), reflect.ValueOf(other.Kernel.Parties()[i].State)); why != "" {
				v.t.Fatalf("after %v: %s", v.steps, why)
			}
		})
	}
}

// free fails when a lock of the world is held for good. Those that have no name outside are tried by what takes them.
func free(t *testing.T, w *World, when string) {
	t.Helper()
	for _, party := range w.Kernel.Parties() {
		for until := time.Now().Add(5 * time.Second); !party.Lock.TryLock(); time.Sleep(time.Millisecond) { // a timer may hold it for a moment
			if time.Now().After(until) {
				t.Fatalf("%s the lock of %s is held", when, party.Name)
			}
		}
		party.Lock.Unlock()
	}
	done := make(chan error, 1)
	go func() {
		done <- errors.Join(w.UpdateSettings(func(*Settings) {}), w.SetBaseURL("http://127.0.0.1:9"), w.Flush())
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(time.Minute):
		t.Fatalf("%s a lock is held", when)
	}
}

// differs compares what is stored: exported fields, a nil map with an empty one too. Whether a list without elements is
// nil makes no difference to a program.
func differs(path string, a, b reflect.Value) string {
	if a.Type() == reflect.TypeFor[time.Time]() {
		if !a.Interface().(time.Time).Equal(b.Interface().(time.Time)) {
			return path + " is another time"
		}
		return ""
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			return when(a.IsNil() != b.IsNil(), path+" is nil on one side")
		}
		return differs(path, a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() {
				if why := differs(path+"."+f.Name, a.Field(i), b.Field(i)); why != "" {
					return why
				}
			}
		}
		return ""
	case reflect.Map:
		if a.IsNil() != b.IsNil() || a.Len() != b.Len() {
			return fmt.Sprintf("%s: nil %t and %t, %d and %d entries", path, a.IsNil(), b.IsNil(), a.Len(), b.Len())
		}
		for _, key := range a.MapKeys() {
			if !b.MapIndex(key).IsValid() {
				return fmt.Sprintf("%s has no %v", path, key)
			}
			if why := differs(fmt.Sprintf("%s[%v]", path, key), a.MapIndex(key), b.MapIndex(key)); why != "" {
				return why
			}
		}
		return ""
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s has %d and %d elements", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if why := differs(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); why != "" {
				return why
			}
		}
		return ""
	}
	return when(!reflect.DeepEqual(a.Interface(), b.Interface()), path+" differs")
}

func when(is bool, what string) string {
	if is {
		return what
	}
	return ""
}

// TestNoMapOfTheStateIsLeftOut: omitempty on a map turns an empty one into one that panics when it is written to.
func TestNoMapOfTheStateIsLeftOut(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			for f := range typ.Fields() {
				if f.Type.Kind() == reflect.Map && strings.Contains(f.Tag.Get("json"), "omitempty") {
					t.Errorf("%s.%s is left out when it is empty", typ, f.Name)
				}
				walk(f.Type)
			}
		}
	}
	w, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, party := range w.Kernel.Parties() {
		walk(reflect.TypeOf(party.State))
	}
	if len(seen) < 15 {
		t.Errorf("only %d types are part of the state", len(seen))
	}
}

// TestEveryLockIsReleasedByDefer reads the packages: a lock that is released by a plain statement stays held when what is
// between panics, and then every handler hangs.
func TestEveryLockIsReleasedByDefer(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	locks := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			block, ok := n.(*ast.BlockStmt)
			if !ok {
				return true
			}
			for i, statement := range block.List {
				of := lockOf(statement)
				if of == "" {
					continue
				}
				locks++
				if i+1 == len(block.List) || unlockOf(block.List[i+1]) != of {
					t.Errorf("%s: the lock %s is not released by a defer right after it", name, of)
				}
			}
			return true
		})
	}
	if locks < 20 {
		t.Errorf("only %d locks were found", locks)
	}
}

func lockOf(s ast.Stmt) string {
	if e, ok := s.(*ast.ExprStmt); ok {
		return methodOn(e.X, "Lock")
	}
	return ""
}

func unlockOf(s ast.Stmt) string {
	if d, ok := s.(*ast.DeferStmt); ok {
		return methodOn(d.Call, "Unlock")
	}
	return ""
}

func methodOn(e ast.Expr, method string) string {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return ""
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || f.Sel.Name != method {
		return ""
	}
	switch x := f.X.(type) {
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// TestAPanicAnswers500AndHoldsNothing breaks the state on purpose, on each of the three ports.
func TestAPanicAnswers500AndHoldsNothing(t *testing.T) {
	log := &lines{}
	w, err := New(Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]reflect.Value{}
	for _, party := range w.Kernel.Parties() {
		states[party.Name] = reflect.ValueOf(party.State).Elem()
	}
	for _, name := range []string{"Requests", "Sessions"} { // a write panics
		states["vneid"].FieldByName(name).SetZero()
	}
	keys, enrolled := states["rssp769"].FieldByName("Keys"), states["rssp769"].FieldByName("Enrolled")
	keys.SetMapIndex(reflect.ValueOf("k"), reflect.Zero(keys.Type().Elem())) // a read does
	enrolled.SetMapIndex(reflect.ValueOf(walkCitizen), reflect.ValueOf([]string{"k"}))
	for name, h := range map[string]http.Handler{"parties": w.Parties(), "phone": w.Phone(), "control": w.Control()} {
		method, path := "POST", "/ca/v1/certificates/search"
		body := `{"id_number":"` + walkCitizen + `"}`
		switch name {
		case "phone":
			path, body = "/vneid/login", "id_number="+walkCitizen+"&passcode=123456"
		case "control":
			path, body = "/vneid/"+walkCitizen+"/request", ""
		}
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+DefaultCAKey)
		if name == "phone" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
		free(t, w, name)
	}
	if n := strings.Count(log.String(), "a handler panicked"); n != 3 {
		t.Errorf("%d panics were logged:\n%s", n, log)
	}
}
