{{/* Labels of everything; `component` tells what it belongs to. */}}
{{- define "authserver.selector" -}}
app.kubernetes.io/name: authserver
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "authserver.meta" -}}
name: {{ .root.Release.Name }}{{ .ending }}
labels:
  {{- include "authserver.selector" . | nindent 2 }}
{{- end }}

{{- define "authserver.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "authserver.secret" -}}
{{ .Values.secretName | default .Release.Name }}
{{- end }}

{{/* What all three kinds of pods have; `own` is the component's part of the values. */}}
{{- define "authserver.podMeta" -}}
labels:
  {{- include "authserver.selector" . | nindent 2 }}
annotations:
  checksum/settings: {{ .root.Values.settings | toJson | sha256sum }}
  {{- with .own.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "authserver.podSpec" -}}
serviceAccountName: {{ .root.Release.Name }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .own.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "authserver.container" -}}
name: authserver
image: {{ include "authserver.image" .root | quote }}
{{- with .root.Values.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
command: [authserver, {{ .verb }}]
envFrom:
  - configMapRef: {name: {{ .root.Release.Name }}-settings}
resources:
  {{- toYaml .own.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "authserver.mounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/authserver, readOnly: true}
{{- end }}

{{/* In data: counters of rate limits that the workers of a pod share; nothing that has to outlive it. */}}
{{- define "authserver.volumes" -}}
- {name: data, emptyDir: {sizeLimit: 128Mi}}
- {name: tmp, emptyDir: {sizeLimit: 128Mi}}
- {name: secrets, secret: {secretName: {{ include "authserver.secret" . }}, defaultMode: 0440}}
{{- end }}
