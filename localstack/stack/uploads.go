package stack

import (
	"io"
	"net/http"
)

// Uploads has the buckets take what phones upload, or refuse it, as they do when a policy forbids it. What functions store
// is taken either way.
func (s *Stack) Uploads(taken bool) error {
	if s.aws == nil {
		return ErrElsewhere
	}
	s.refusing.Store(!taken)
	return nil
}

// uploads refuses what is put by a presigned URL, while it is to be refused.
func (s *Stack) uploads(cloud http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.refusing.Load() || r.Method != http.MethodPut || !r.URL.Query().Has("X-Amz-Signature") {
			cloud.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>`)
	})
}
