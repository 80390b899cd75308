package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"zapas/device"
)

// fileKey is a device key in a file that only its owner can read; a phone has a hardware store for it.
type fileKey struct {
	private *ecdsa.PrivateKey
	public  []byte
	random  io.Reader
}

var _ device.Signer = fileKey{}

// openKey reads the key, or makes one.
func openKey(path string, random io.Reader, create bool) (fileKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return fileKey{}, device.ErrNotEnrolled
		}
		if b, err = makeKey(path, random); err != nil {
			return fileKey{}, fmt.Errorf("make the device's key: %w", err)
		}
	}
	if err != nil {
		return fileKey{}, fmt.Errorf("read the device's key: %w", err)
	}
	damaged := fmt.Errorf("%s holds no P-256 key; remove it and enrol this phone again", path)
	block, _ := pem.Decode(b)
	if block == nil {
		return fileKey{}, damaged
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return fileKey{}, damaged
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return fileKey{key, public, random}, err
}

// makeKey writes a key and returns its file's content. A file that was half written is never under the key's name.
func makeKey(path string, random io.Reader) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return nil, err
	}
	return b, os.Rename(path+".new", path)
}

func (k fileKey) PublicKey() []byte { return k.public }

func (k fileKey) Sign(digest []byte) ([]byte, error) {
	return ecdsa.SignASN1(k.random, k.private, digest)
}
