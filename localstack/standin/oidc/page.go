package oidc

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

const style = `body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
ul{list-style:none;padding:0}li{margin:.5rem 0}
button{font:inherit;width:100%;text-align:left;padding:.75rem 1rem;border:1px solid #595959;border-radius:.25rem;background:#fff;color:inherit;cursor:pointer}
button:hover{background:#eef}button:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}
small{display:block;color:#595959}`

// pages are templates for html/template, which escapes what is put into them.
const pages = `{{define "head"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.}}</title><style>` + style + `</style></head><body><main><h1>{{.}}</h1>
{{end}}{{define "foot"}}</main></body></html>
{{end}}

{{define "users"}}{{template "head" "Who are you?"}}<p>Development sign-in for <strong>{{.Client}}</strong>. There are no passwords here.</p>
<form method="post" action="{{.Action}}">
{{range $name, $value := .Fields}}<input type="hidden" name="{{$name}}" value="{{$value}}">
{{end}}<ul>
{{range .Users}}<li><button name="user" value="{{.Subject}}">{{or .Name .Subject}}
<small>{{.Email}}{{range .Groups}} · {{.}}{{end}}</small></button></li>
{{else}}<li>No users are configured.</li>
{{end}}</ul>
<button name="cancel" value="1">Cancel</button>
</form>
{{template "foot"}}{{end}}

{{define "error"}}{{template "head" "This sign-in cannot go on"}}<p role="alert">{{.}}</p>
{{template "foot"}}{{end}}

{{define "signed-out"}}{{template "head" "You are signed out"}}<p>You may close this page.</p>
{{template "foot"}}{{end}}
`

// page answers with one of the templates. The policy lets it run nothing, load nothing and be framed by nobody. It
// does not restrict the form's action: browsers would apply that to the redirect back to the client.
func (i *Issuer) page(w http.ResponseWriter, status int, name string, data any) {
	var text bytes.Buffer
	if err := i.pages.ExecuteTemplate(&text, name, data); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	sum := sha256.Sum256([]byte(style))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+
		"'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
	w.Write(text.Bytes())
}
