package stack

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awscognito"
	"github.com/aws/jsii-runtime-go"

	"zapas/infra/settings"
)

// provider is who proves that people are who they are.
type provider struct {
	issuer      string
	audience    []string
	groupsClaim string
	roles       map[string]string
}

// provider is the organisation's own, or a user pool.
func (d *deployment) provider() provider {
	if i := d.settings.Issuer; i != nil {
		return provider{issuer: i.URL, audience: i.Audience, groupsClaim: i.GroupsClaim, roles: i.Roles}
	}
	roles := map[string]string{}
	for _, r := range settings.Roles() {
		roles[group(r)] = r
	}
	return provider{issuer: "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${UserPool}", audience: []string{"${UserPoolClient}"},
		groupsClaim: "cognito:groups", roles: roles}
}

// signIn is the origins at which people sign in and a browser asks for tokens.
func (d *deployment) signIn() string {
	if i := d.settings.Issuer; i != nil {
		u, _ := url.Parse(i.URL) // which the settings have checked
		return u.Scheme + "://" + u.Host
	}
	return "https://zapas-" + d.settings.Tenant + "-${AWS::AccountId}.auth.${AWS::Region}.amazoncognito.com"
}

func group(role string) string { return "zapas-" + role }

// environment is what functions are told.
func (d *deployment) environment() map[string]string {
	p := d.provider()
	env := map[string]string{
		"ZAPAS_TENANT": d.settings.Tenant, "ZAPAS_API": d.address(), "ZAPAS_ISSUER": p.issuer, "ZAPAS_AUDIENCE": strings.Join(p.audience, ","),
		"ZAPAS_GROUPS_CLAIM": p.groupsClaim, "ZAPAS_ROLES": object(p.roles), "ZAPAS_VAULT_KEY": "${VaultKey.Arn}", "ZAPAS_QUOTA": strconv.FormatInt(d.settings.QuotaBytes, 10),
		"ZAPAS_TABLE": "${TableZapas}", "ZAPAS_TABLE_IDENTITY": "${TableIdentity}", "ZAPAS_TABLE_VAULTKEYS": "${TableVaultkeys}", "ZAPAS_TABLE_AUDIT": "${TableAudit}",
		"ZAPAS_BUS": "${EventBus}", "ZAPAS_SCHEDULES": "${Schedules}", "ZAPAS_SCHEDULES_ROLE": "${RoleScheduler.Arn}", "ZAPAS_SCHEDULES_DEAD": "${DeadTicks.Arn}",
		"ZAPAS_SCHEDULES_TARGET": "${FunctionTriggers.Arn}",
	}
	var locations []string
	for _, l := range d.settings.Locations {
		locations = append(locations, object(map[string]string{"id": l.ID, "name": l.Name, "region": "${AWS::Region}", "bucket": "${" + location(l.ID) + "}"}))
	}
	env["ZAPAS_LOCATIONS"] = "[" + strings.Join(locations, ",") + "]"
	return env
}

// object is JSON; a map of strings always has one.
func object(m map[string]string) string {
	b, _ := json.Marshal(m)
	return string(b)
}

// identityProvider is a user pool, unless the organisation has a provider of its own. People are invited, never sign up by
// themselves, and prove themselves by two things.
func (d *deployment) identityProvider() {
	if d.settings.Issuer != nil {
		return
	}
	kept(awscognito.NewCfnUserPool(d.stack, text("UserPool"), &awscognito.CfnUserPoolProps{
		DeletionProtection: text("ACTIVE"), UserPoolTier: text("ESSENTIALS"),
		AdminCreateUserConfig: &awscognito.CfnUserPool_AdminCreateUserConfigProperty{AllowAdminCreateUserOnly: jsii.Bool(true)},
		UsernameAttributes:    texts("email"), AutoVerifiedAttributes: texts("email"),
		UsernameConfiguration: &awscognito.CfnUserPool_UsernameConfigurationProperty{CaseSensitive: jsii.Bool(false)},
		MfaConfiguration:      text("ON"), EnabledMfas: texts("SOFTWARE_TOKEN_MFA"),
		AccountRecoverySetting: &awscognito.CfnUserPool_AccountRecoverySettingProperty{RecoveryMechanisms: &[]any{
			&awscognito.CfnUserPool_RecoveryOptionProperty{Name: text("verified_email"), Priority: number(1)}}},
		Policies: &awscognito.CfnUserPool_PoliciesProperty{PasswordPolicy: &awscognito.CfnUserPool_PasswordPolicyProperty{MinimumLength: number(12),
			RequireLowercase: jsii.Bool(true), RequireUppercase: jsii.Bool(true), RequireNumbers: jsii.Bool(true), RequireSymbols: jsii.Bool(true), TemporaryPasswordValidityDays: number(3)}},
		UserAttributeUpdateSettings: &awscognito.CfnUserPool_UserAttributeUpdateSettingsProperty{AttributesRequireVerificationBeforeUpdate: texts("email")},
	}))
	awscognito.NewCfnUserPoolDomain(d.stack, text("UserPoolDomain"), &awscognito.CfnUserPoolDomainProps{UserPoolId: text("${UserPool}"),
		Domain: text("zapas-" + d.settings.Tenant + "-${AWS::AccountId}"), ManagedLoginVersion: number(2)})
	awscognito.NewCfnUserPoolClient(d.stack, text("UserPoolClient"), &awscognito.CfnUserPoolClientProps{UserPoolId: text("${UserPool}"), GenerateSecret: jsii.Bool(false),
		AllowedOAuthFlowsUserPoolClient: jsii.Bool(true), AllowedOAuthFlows: texts("code"), AllowedOAuthScopes: texts("openid", "email", "profile"),
		CallbackUrLs: texts(d.address() + "/"), LogoutUrLs: texts(d.address() + "/"), SupportedIdentityProviders: texts("COGNITO"),
		PreventUserExistenceErrors: text("ENABLED"), EnableTokenRevocation: jsii.Bool(true), ExplicitAuthFlows: texts("ALLOW_REFRESH_TOKEN_AUTH"),
		AccessTokenValidity: number(15), IdTokenValidity: number(15), RefreshTokenValidity: number(8),
		TokenValidityUnits: &awscognito.CfnUserPoolClient_TokenValidityUnitsProperty{AccessToken: text("minutes"), IdToken: text("minutes"), RefreshToken: text("hours")}})
	awscognito.NewCfnManagedLoginBranding(d.stack, text("SignInPage"), &awscognito.CfnManagedLoginBrandingProps{
		UserPoolId: text("${UserPool}"), ClientId: text("${UserPoolClient}"), UseCognitoProvidedValues: jsii.Bool(true)})
	for _, r := range settings.Roles() {
		name := ""
		for _, word := range strings.Split(r, "-") {
			name += title(word)
		}
		awscognito.NewCfnUserPoolGroup(d.stack, text("Group"+name), &awscognito.CfnUserPoolGroupProps{UserPoolId: text("${UserPool}"), GroupName: text(group(r)), Description: text("Zapas: " + r)})
	}
}
