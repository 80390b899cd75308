package story

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// app is what signs as a phone: its key, in hands of whoever has the phone's files.
type app struct {
	device string
	key    *ecdsa.PrivateKey
}

// openApp reads the key of a phone that was enrolled.
func openApp(folder string) (*app, error) {
	var id struct{ Device string }
	b, err := os.ReadFile(filepath.Join(folder, "device.json"))
	if err != nil {
		return nil, fmt.Errorf("this phone is not enrolled: %w", err)
	}
	if err := json.Unmarshal(b, &id); err != nil || id.Device == "" {
		return nil, fmt.Errorf("%s does not say which device it is: %w", folder, err)
	}
	if b, err = os.ReadFile(filepath.Join(folder, "key.pem")); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key", folder)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s holds no P-256 key: %w", folder, err)
	}
	return &app{id.Device, key}, nil
}

// sign has a request be the phone's, as the contract's scheme device says.
func (a *app) sign(r *http.Request, body string, now time.Time) error {
	sum := sha256.Sum256([]byte(body))
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"htm": r.Method, "htu": r.URL.RequestURI(), "bh": base64.RawURLEncoding.EncodeToString(sum[:])})
	t.Header = map[string]any{"alg": "ES256", "kid": a.device}
	signed, err := t.SignedString(a.key)
	r.Header.Set("Authorization", "Zapas-Device "+signed)
	return err
}
