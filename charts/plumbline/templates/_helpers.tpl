{{- define "plumbline.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}
{{- define "plumbline.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
{{- define "plumbline.labels" -}}
{{ include "plumbline.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}
{{/* The port of a listen address such as 0.0.0.0:8080 */}}
{{- define "plumbline.port" -}}
{{- regexFind "[0-9]+$" . -}}
{{- end }}
{{/* The port's name at which metrics are: their own where config.metrics.listen is set */}}
{{- define "plumbline.metrics" -}}
{{- if dig "metrics" "listen" "" .Values.config }}metrics{{ else }}http{{ end }}
{{- end }}
{{- define "plumbline.secret" -}}
{{- if .Values.secret.existing }}{{ .Values.secret.existing }}{{ else if .Values.secret.data }}{{ include "plumbline.fullname" . }}{{ end }}
{{- end }}
