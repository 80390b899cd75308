// Code generated from openapi.yaml by go test -run TestRoutes -update; DO NOT EDIT.

package api

// Routes are all operations, ordered by path and method.
var Routes = []Route{
	{Operation: "checkIn", Method: "POST", Path: "/v1/device/checkin", Function: "devices", Auth: "device", Permission: "device:checkin"},
	{Operation: "enrolDevice", Method: "POST", Path: "/v1/device/enrol", Function: "devices", Auth: "open", Permission: ""},
	{Operation: "reportRestore", Method: "POST", Path: "/v1/device/restores/{id}/result", Function: "sessions", Auth: "device", Permission: "device:vault"},
	{Operation: "beginSession", Method: "POST", Path: "/v1/device/sessions", Function: "sessions", Auth: "device", Permission: "device:vault"},
	{Operation: "endSession", Method: "DELETE", Path: "/v1/device/sessions/{id}", Function: "sessions", Auth: "device", Permission: "device:vault"},
	{Operation: "signChunks", Method: "POST", Path: "/v1/device/sessions/{id}/chunks", Function: "uploads", Auth: "device", Permission: "device:vault"},
	{Operation: "commitSession", Method: "POST", Path: "/v1/device/sessions/{id}/commit", Function: "uploads", Auth: "device", Permission: "device:vault"},
	{Operation: "releaseKeys", Method: "POST", Path: "/v1/device/sessions/{id}/keys", Function: "sessions", Auth: "device", Permission: "device:vault"},
	{Operation: "getManifest", Method: "GET", Path: "/v1/device/sessions/{id}/manifest", Function: "restores", Auth: "device", Permission: "device:vault"},
	{Operation: "listDevices", Method: "GET", Path: "/v1/devices", Function: "devices", Auth: "console", Permission: "devices:read"},
	{Operation: "getDevice", Method: "GET", Path: "/v1/devices/{id}", Function: "devices", Auth: "console", Permission: "devices:read"},
	{Operation: "listDeviceSnapshots", Method: "GET", Path: "/v1/devices/{id}/snapshots", Function: "devices", Auth: "console", Permission: "devices:read"},
	{Operation: "getHealth", Method: "GET", Path: "/v1/health", Function: "devices", Auth: "open", Permission: ""},
	{Operation: "listLocations", Method: "GET", Path: "/v1/locations", Function: "profiles", Auth: "console", Permission: "profiles:read"},
	{Operation: "getMe", Method: "GET", Path: "/v1/me", Function: "devices", Auth: "console", Permission: "me"},
	{Operation: "listMyDevices", Method: "GET", Path: "/v1/me/devices", Function: "devices", Auth: "console", Permission: "me"},
	{Operation: "getMyDevice", Method: "GET", Path: "/v1/me/devices/{id}", Function: "devices", Auth: "console", Permission: "me"},
	{Operation: "createMyEnrolment", Method: "POST", Path: "/v1/me/enrolments", Function: "devices", Auth: "console", Permission: "me"},
	{Operation: "listMyRestores", Method: "GET", Path: "/v1/me/restores", Function: "sessions", Auth: "console", Permission: "me"},
	{Operation: "createMyRestore", Method: "POST", Path: "/v1/me/restores", Function: "sessions", Auth: "console", Permission: "me"},
	{Operation: "getMyRestore", Method: "GET", Path: "/v1/me/restores/{id}", Function: "sessions", Auth: "console", Permission: "me"},
	{Operation: "listMySnapshots", Method: "GET", Path: "/v1/me/snapshots", Function: "restores", Auth: "console", Permission: "me"},
	{Operation: "listProfiles", Method: "GET", Path: "/v1/profiles", Function: "profiles", Auth: "console", Permission: "profiles:read"},
	{Operation: "createProfile", Method: "POST", Path: "/v1/profiles", Function: "profiles", Auth: "console", Permission: "profiles:write"},
	{Operation: "getProfile", Method: "GET", Path: "/v1/profiles/{id}", Function: "profiles", Auth: "console", Permission: "profiles:read"},
}
