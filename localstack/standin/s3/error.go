package s3

import (
	"encoding/xml"
	"net/http"
)

// WriteError answers with an error in S3's form: XML, without a body on HEAD.
func WriteError(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message})
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	// A client that has gone cannot be told.
	_, _ = w.Write(append([]byte(xml.Header), body...))
}

// A refusal is an error found before gofakes3 is asked.
type refusal struct {
	status        int
	code, message string
}
