package sandbox

import (
	"fmt"
	"net/http"

	"kyso/internal/sandbox/kernel"
	"kyso/internal/sandbox/people"
	"kyso/internal/sandbox/rssp769"
)

// Control serves the strings behind the stage, as JSON: the verbs of every party, and here what concerns all of them.
// docs/sandbox.md lists the calls as curl commands. A page of another site cannot change anything.
func (w *World) Control() http.Handler {
	return w.ServeControl(
		kernel.Verb{Pattern: "GET /settings", Do: func(rw http.ResponseWriter, _ *http.Request) {
			kernel.WriteJSON(rw, http.StatusOK, w.Settings())
		}},
		kernel.Verb{Pattern: "PUT /settings", Help: "PUT|PATCH /settings", Do: w.putSettings},
		kernel.Verb{Pattern: "PATCH /settings", Help: "PUT|PATCH /settings", Do: w.putSettings},
		kernel.Verb{Pattern: "GET /users/{id}", Do: w.getUser},
		kernel.Verb{Pattern: "PUT /users/{id}/knobs", Help: "PUT|PATCH /users/{id}/knobs", Do: w.putKnobs},
		kernel.Verb{Pattern: "PATCH /users/{id}/knobs", Help: "PUT|PATCH /users/{id}/knobs", Do: w.putKnobs},
		kernel.Verb{Pattern: "DELETE /users/{id}/knobs", Do: w.deleteKnobs},
	)
}

func (w *World) putSettings(rw http.ResponseWriter, r *http.Request) {
	if err := kernel.PutOrPatch(rw, r, w.start, w.UpdateSettings); err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, w.Settings())
}

// controlUser is a user as the control handler shows them.
type controlUser struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Knobs        Knobs          `json:"knobs"`
	Certificates []rssp769.Held `json:"certificates"`
	Waiting      []PhoneRequest `json:"waiting"`
	Keys         []PhoneKey     `json:"keys"` // of the key service
}

func (w *World) getUser(rw http.ResponseWriter, r *http.Request) {
	view, err := w.controlUser(r.PathValue("id"))
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, view)
}

func (w *World) controlUser(id string) (controlUser, error) {
	p, ok := people.Of(id)
	if !ok {
		return controlUser{}, fmt.Errorf("user %q: %w", id, ErrNotFound)
	}
	held, err := w.Holds(id)
	if err != nil {
		return controlUser{}, err
	}
	return controlUser{ID: id, Name: p.Name, Knobs: w.Knobs(id), Waiting: w.Pending(id), Keys: w.Keys(id), Certificates: held}, nil
}

func (w *World) putKnobs(rw http.ResponseWriter, r *http.Request) {
	update := func(change func(*Knobs)) error { return w.UpdateKnobs(r.PathValue("id"), change) }
	if err := kernel.PutOrPatch(rw, r, Knobs{}, update); err != nil {
		kernel.WriteError(rw, err)
		return
	}
	w.getUser(rw, r)
}

func (w *World) deleteKnobs(rw http.ResponseWriter, r *http.Request) {
	if err := w.ResetKnobs(r.PathValue("id")); err != nil {
		kernel.WriteError(rw, err)
		return
	}
	w.getUser(rw, r)
}
