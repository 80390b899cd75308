package main

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// befall is what happens at one call of AWS.
type befall struct {
	n    int64 // which call, from 1; 0: none
	what string
}

func parseBefall(s string) (befall, error) {
	if s == "" {
		return befall{}, nil
	}
	n, what, _ := strings.Cut(s, ":")
	call, err := strconv.ParseInt(n, 10, 64)
	if err != nil || call < 1 || what != "die" && what != "full" {
		return befall{}, fmt.Errorf("-befalls=%s: write it as 17:die or 17:full", s)
	}
	return befall{call, what}, nil
}

// around counts the calls, and lets befall what is to.
func (b befall) around(next http.Handler) http.Handler {
	var calls atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) != b.n {
			next.ServeHTTP(w, r)
			return
		}
		switch b.what {
		case "die":
			next.ServeHTTP(unheard{}, r)
			die()
		case "full":
			full()
			next.ServeHTTP(w, r)
		}
	})
}

// die ends this process as kill -9 does: nothing is put in order.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // it comes before anybody is answered
}

// full has every further write of this process to a file fail, until its limit of the size of files is raised again.
// The system answers EFBIG and not ENOSPC; who writes is told as little.
func full() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
	limit.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// unheard is an answer that nobody gets.
type unheard struct{}

func (unheard) Header() http.Header         { return http.Header{} }
func (unheard) Write(p []byte) (int, error) { return len(p), nil }
func (unheard) WriteHeader(int)             {}
