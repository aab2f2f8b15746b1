# A Rack application that shows who is signed in; how people sign in stands in omniauth.rb, taken from its page.
require "json"
require "omniauth"
require "omniauth_openid_connect"
require "rack/protection"

use Rack::Session::Cookie, secret: "for this run alone, and long enough to please everybody who reads it here" * 2
instance_eval(File.read("omniauth.rb"))

run(lambda do |env|
  if env["PATH_INFO"].end_with?("/callback")
    info = env["omniauth.auth"]["info"]
    [200, { "Content-Type" => "application/json" }, [{ email: info["email"], name: info["name"] }.to_json]]
  elsif env["PATH_INFO"] == "/auth/failure"
    [500, { "Content-Type" => "text/plain" }, [env["QUERY_STRING"]]]
  else
    token = Rack::Protection::AuthenticityToken.token(env["rack.session"])
    hidden = %(<input type="hidden" name="authenticity_token" value="#{token}">)
    form = %(<form method="post" action="/auth/my_provider">#{hidden}<button>Sign in</button></form>)
    [200, { "Content-Type" => "text/html" }, [form]]
  end
end)
