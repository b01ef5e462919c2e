package rssp769

import (
	"errors"
	"fmt"
	"net/http"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/pki"
)

// phoneKey shows the form for a PIN or, once there is one, that it is set.
func (p *Provider) phoneKey(rw http.ResponseWriter, r *http.Request) {
	p.renderKey(rw, http.StatusOK, r.PathValue("id"), "")
}

func (p *Provider) renderKey(rw http.ResponseWriter, status int, id, text string) {
	var view PhoneKey
	kernel.Locked(&p.mu, func() {
		if key := p.state.Keys[id]; key != nil {
			view = key.view()
		}
	})
	if view.State == "" || view.State == pki.KeyCreated || view.State == pki.KeyInstalled || view.State == pki.KeyDisabled {
		p.renderError(rw, fmt.Errorf("key %q: %w", id, kernel.ErrNotFound))
		return
	}
	p.render(rw, status, "pin", phonePage{Title: "Đặt mã PIN", Text: text, Key: &view})
}

// phonePIN takes the form; the browser is sent to a page that can be reloaded.
func (p *Provider) phonePIN(rw http.ResponseWriter, r *http.Request) {
	id, pin := r.PathValue("id"), r.PostFormValue("pin")
	if pin != r.PostFormValue("again") {
		p.renderKey(rw, http.StatusBadRequest, id, "Hai mã PIN không giống nhau. · The two PINs differ.")
		return
	}
	err := p.setKeyPIN(id, pin)
	switch {
	case errors.Is(err, kernel.ErrInvalid):
		p.renderKey(rw, http.StatusBadRequest, id, "Mã PIN quá đơn giản hoặc không đủ 6 đến 8 chữ số. · Too simple, or not 6 to 8 digits.")
	case err != nil && !errors.Is(err, kernel.ErrDecided): // the page says what the key became
		p.renderError(rw, err)
	default:
		http.Redirect(rw, r, "/keys/"+id, http.StatusSeeOther) //nolint:gosec // a path of our own, the key was found by it
	}
}

func (p *Provider) phoneAPIPIN(rw http.ResponseWriter, r *http.Request) {
	var req struct {
		PIN string `json:"pin"`
	}
	body, err := kernel.ReadBody(rw, r)
	if err == nil {
		err = kernel.DecodeStrictly(body, &req)
	}
	if err == nil {
		err = p.setKeyPIN(r.PathValue("id"), req.PIN)
	}
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, map[string]string{"key_id": r.PathValue("id"), "state": pki.KeyPINSet})
}

// putPIN is SetPIN for people with curl.
func (p *Provider) putPIN(rw http.ResponseWriter, r *http.Request) {
	if err := p.SetPIN(r.PathValue("id"), r.URL.Query().Get("pin")); err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, map[string][]PhoneKey{"keys": p.Keys(r.PathValue("id"))})
}
