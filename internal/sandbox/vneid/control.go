package vneid

import (
	"net/http"

	"kyso/internal/sandbox/kernel"
)

// getCitizen shows what VNeID knows of a person.
func (a *App) getCitizen(rw http.ResponseWriter, r *http.Request) {
	person, err := a.Citizen(r.PathValue("idNumber"))
	if err != nil {
		kernel.WriteError(rw, err)
		return
	}
	kernel.WriteJSON(rw, http.StatusOK, map[string]any{"person": person, "certificates": a.RegisteredCertificates(person.IDNumber)})
}

// postRequest makes a request and posts it, as the pages do.
func (a *App) postRequest(rw http.ResponseWriter, r *http.Request) {
	id, token, err := a.SubmitRequest(r.PathValue("idNumber"))
	switch {
	case err != nil && id == "":
		kernel.WriteError(rw, err)
	case err != nil:
		kernel.WriteJSON(rw, http.StatusBadGateway, map[string]string{"error": err.Error(), "request_id": id, "token": token})
	default:
		kernel.WriteJSON(rw, http.StatusOK, map[string]string{"request_id": id, "token": token, "handoff_url": a.HandoffURL(token)})
	}
}
