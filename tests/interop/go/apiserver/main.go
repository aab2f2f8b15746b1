// The part of the Kubernetes API server that reads tokens, started with the API server's own flags.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/apis/apiserver"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

func main() {
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ExitOnError)
	issuer := flags.String("oidc-issuer-url", "", "")
	client := flags.String("oidc-client-id", "", "")
	username := flags.String("oidc-username-claim", "sub", "")
	usernamePrefix := flags.String("oidc-username-prefix", "", "")
	groups := flags.String("oidc-groups-claim", "", "")
	groupsPrefix := flags.String("oidc-groups-prefix", "", "")
	authority := flags.String("oidc-ca-file", "", "")
	if err := flags.Parse(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
	made := apiserver.JWTAuthenticator{Issuer: apiserver.Issuer{URL: *issuer, Audiences: []string{*client}}}
	made.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: *username, Prefix: usernamePrefix}
	if *groups != "" {
		made.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: *groups, Prefix: groupsPrefix}
	}
	options := oidc.Options{JWTAuthenticator: made, SupportedSigningAlgs: []string{"RS256"}, Compiler: authenticationcel.NewDefaultCompiler()}
	if *authority != "" {
		content, err := dynamiccertificates.NewDynamicCAContentFromFile("oidc-authenticator", *authority)
		if err != nil {
			log.Fatal(err)
		}
		options.CAContentProvider = content
	}
	checks, err := oidc.New(context.Background(), options)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer, ok, err := checks.AuthenticateToken(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil || !ok {
			if err != nil {
				log.Print(err)
			}
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"username": answer.User.GetName(), "groups": answer.User.GetGroups()})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
