package sandbox

import (
	"errors"
	"fmt"
	"net/http"
)

// phoneKey shows the form for a PIN or, once there is one, that it is set.
func (w *World) phoneKey(rw http.ResponseWriter, r *http.Request) {
	w.renderKey(rw, http.StatusOK, r.PathValue("id"), "")
}

func (w *World) renderKey(rw http.ResponseWriter, status int, id, text string) {
	var (
		key  *caKey
		view PhoneKey
	)
	w.locked(func() {
		if key = w.state.Keys[id]; key != nil {
			view = key.view()
		}
	})
	if view.State == "" || view.State == keyCreated || view.State == keyInstalled || view.State == keyDisabled {
		w.renderError(rw, fmt.Errorf("key %q: %w", id, ErrNotFound))
		return
	}
	w.render(rw, status, "pin", phonePage{Title: "Đặt mã PIN", Text: text, Key: &view})
}

// phonePIN takes the form; the browser is sent to a page that can be reloaded.
func (w *World) phonePIN(rw http.ResponseWriter, r *http.Request) {
	id, pin := r.PathValue("id"), r.PostFormValue("pin")
	if pin != r.PostFormValue("again") {
		w.renderKey(rw, http.StatusBadRequest, id, "Hai mã PIN không giống nhau. · The two PINs differ.")
		return
	}
	err := w.setKeyPIN(id, pin)
	switch {
	case errors.Is(err, ErrInvalid):
		w.renderKey(rw, http.StatusBadRequest, id, "Mã PIN quá đơn giản hoặc không đủ 6 đến 8 chữ số. · Too simple, or not 6 to 8 digits.")
	case err != nil && !errors.Is(err, ErrDecided): // the page says what the key became
		w.renderError(rw, err)
	default:
		http.Redirect(rw, r, "/keys/"+id, http.StatusSeeOther) //nolint:gosec // a path of our own, the key was found by it
	}
}

func (w *World) phoneAPIPIN(rw http.ResponseWriter, r *http.Request) {
	var req struct {
		PIN string `json:"pin"`
	}
	body, err := readBody(rw, r)
	if err == nil {
		err = decodeStrictly(body, &req)
	}
	if err == nil {
		err = w.setKeyPIN(r.PathValue("id"), req.PIN)
	}
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]string{"key_id": r.PathValue("id"), "state": keyPINSet})
}

// putPIN is SetPIN for people with curl.
func (w *World) putPIN(rw http.ResponseWriter, r *http.Request) {
	if err := w.SetPIN(r.PathValue("id"), r.URL.Query().Get("pin")); err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string][]PhoneKey{"keys": w.Keys(r.PathValue("id"))})
}

// getCitizen shows what VNeID knows of somebody.
func (w *World) getCitizen(rw http.ResponseWriter, r *http.Request) {
	person, err := w.Citizen(r.PathValue("idNumber"))
	if err != nil {
		writeError(rw, err)
		return
	}
	writeJSON(rw, http.StatusOK, map[string]any{"person": person, "certificates": w.RegisteredCertificates(person.IDNumber)})
}

// postVNeID makes a request and posts it, as the pages do.
func (w *World) postVNeID(rw http.ResponseWriter, r *http.Request) {
	id, token, err := w.SubmitRequest(r.PathValue("idNumber"))
	switch {
	case err != nil && id == "":
		writeError(rw, err)
	case err != nil:
		writeJSON(rw, http.StatusBadGateway, map[string]string{"error": err.Error(), "request_id": id, "token": token})
	default:
		writeJSON(rw, http.StatusOK, map[string]string{"request_id": id, "token": token, "handoff_url": w.HandoffURL(token)})
	}
}
