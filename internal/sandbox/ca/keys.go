package ca

import (
	"bytes"
	"crypto/x509"
	"net/http"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/pki"
)

// createKey has a key made. RSA takes its time, so that happens outside the lock; the first of two racing calls wins.
func (c *CA) createKey(r *http.Request, body []byte) kernel.Answer {
	var req struct {
		RequestID string `json:"request_id"`
		IDNumber  string `json:"id_number"`
		Algorithm string `json:"algorithm"`
	}
	if err := kernel.DecodeStrictly(body, &req); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	if !people.IsCitizen(req.IDNumber) {
		return kernel.Failed(http.StatusBadRequest, "invalid", "id_number")
	}
	if req.Algorithm != "rsa-2048" {
		return kernel.Failed(http.StatusUnprocessableEntity, "refused", "algorithm")
	}
	var (
		w    *write
		made bool
		err  error
	)
	kernel.Locked(&c.mu, func() {
		w, err = c.write(callKey, req.RequestID, req)
		made = err == nil && w.Key != ""
	})
	if err != nil {
		return refused(err)
	}
	var keep func() pki.Key
	if !made {
		if keep, err = c.keys.NewKey(req.IDNumber, houseOf(r).issuing); err != nil {
			return refused(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.Key == "" {
		w.Key = keep().ID
		c.k.Record(kernel.Effect{Kind: kernel.EffectKey, Key: req.RequestID, User: req.IDNumber, Detail: w.Key})
	}
	key, _ := c.keys.Key(w.Key)
	return kernel.OK(map[string]any{"key_id": key.ID, "public_key": key.Public, "state": pki.KeyCreated})
}

// withKey runs a call on the key of the path.
func (c *CA) withKey(r *http.Request, do func(key pki.Key) kernel.Answer) kernel.Answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	key, ok := c.keys.Key(r.PathValue("key_id"))
	if !ok || key.Issuer != houseOf(r).issuing {
		return kernel.Failed(http.StatusNotFound, "not-found", "key")
	}
	return do(key)
}

func stateAnswer(state string) kernel.Answer { return kernel.OK(map[string]string{"state": state}) }

func conflict(key pki.Key) kernel.Answer {
	return kernel.Failed(http.StatusConflict, "conflict", "the key is "+key.State)
}

func (c *CA) keyState(r *http.Request, _ []byte) kernel.Answer {
	return c.withKey(r, func(key pki.Key) kernel.Answer {
		state := key.State
		if c.keys.Locked(key) {
			state = pki.KeyLocked
		}
		return kernel.OK(map[string]string{"key_id": key.ID, "state": state})
	})
}

// csr makes a PKCS #10 request. The same subject gives the same bytes.
func (c *CA) csr(r *http.Request, body []byte) kernel.Answer {
	var req struct {
		Subject struct {
			CommonName string `json:"common_name"`
			UID        string `json:"uid"`
			Province   string `json:"province"`
			Locality   string `json:"locality"`
			Email      string `json:"email"`
		} `json:"subject"`
	}
	if err := kernel.DecodeStrictly(body, &req); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	s := req.Subject
	if s.CommonName == "" || s.Province == "" {
		return kernel.Failed(http.StatusBadRequest, "invalid", "common_name and province are required")
	}
	return c.withKey(r, func(key pki.Key) kernel.Answer {
		switch {
		case s.UID != "CCCD:"+key.User:
			return kernel.Failed(http.StatusUnprocessableEntity, "refused", "uid is not the owner of the key")
		case key.State == pki.KeyDisabled:
			return conflict(key)
		}
		template := &x509.CertificateRequest{SignatureAlgorithm: x509.SHA256WithRSA,
			RawSubject: pki.DistinguishedName("VN", s.Province, s.Locality, "", s.CommonName, s.UID)}
		if s.Email != "" {
			template.EmailAddresses = []string{s.Email}
		}
		der, err := c.keys.RequestFor(key.ID, template)
		if err != nil {
			return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
		}
		return kernel.OK(map[string]any{"csr": der})
	})
}

func (c *CA) install(r *http.Request, body []byte) kernel.Answer {
	var req struct {
		Certificate []byte `json:"certificate"`
	}
	if err := kernel.DecodeStrictly(body, &req); err != nil {
		return kernel.Failed(http.StatusBadRequest, "invalid", err.Error())
	}
	return c.withKey(r, func(key pki.Key) kernel.Answer {
		if len(key.Cert) == 0 || !bytes.Equal(key.Cert, req.Certificate) {
			return kernel.Failed(http.StatusUnprocessableEntity, "refused", "the certificate is not the one of this key")
		}
		if key = c.keys.Move(key.ID, pki.KeyInstalled, pki.KeyCreated); key.State == pki.KeyDisabled {
			return conflict(key)
		}
		return stateAnswer(pki.KeyInstalled)
	})
}

func (c *CA) start(r *http.Request, _ []byte) kernel.Answer {
	return c.withKey(r, func(key pki.Key) kernel.Answer {
		key = c.keys.Move(key.ID, pki.KeyAwaitingPIN, pki.KeyInstalled)
		if key.State == pki.KeyCreated || key.State == pki.KeyDisabled {
			return conflict(key)
		}
		return stateAnswer(key.State)
	})
}

func (c *CA) activate(r *http.Request, _ []byte) kernel.Answer {
	return c.withKey(r, func(key pki.Key) kernel.Answer {
		if key = c.keys.Move(key.ID, pki.KeyActive, pki.KeyPINSet); key.State != pki.KeyActive {
			return conflict(key)
		}
		return stateAnswer(pki.KeyActive)
	})
}

func (c *CA) destroy(r *http.Request, _ []byte) kernel.Answer {
	return c.withKey(r, func(key pki.Key) kernel.Answer {
		if record, ok := c.pki.Record(key.Serial); ok && !record.Final(c.k.Now()) {
			return kernel.Failed(http.StatusConflict, "conflict", "the certificate of the key is not revoked")
		}
		return stateAnswer(c.keys.Move(key.ID, pki.KeyDisabled).State)
	})
}
