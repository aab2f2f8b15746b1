"""What happens between an app's request and its answer (RFC 6749 section 4.1, OpenID Connect Core 3.1.2).

Owns authorization requests as they came (`requests.store`, `requests.find`), what each still needs before it can be
answered (`steps.next_step`: sign in, choose an account, consent) and the one answer it gets (`answers.allow`,
`answers.deny`), with consent, grant, code and event in one transaction.
"""
