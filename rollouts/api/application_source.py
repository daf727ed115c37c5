"""Where an Application's manifests come from, and how they are rendered."""

from pydantic import Field

from rollouts.api.meta import OPEN, IntOrString, Object, Spec


class HelmParameter(Spec):
    """A value to set, as `helm --set` does."""

    name: str = ""
    """The name of the value, such as `image.tag`."""
    value: str = ""
    """The value."""
    force_string: bool = False
    """Take the value as text even if it looks like a number; false by default."""


class HelmFileParameter(Spec):
    """A value to set from a file, as `helm --set-file` does."""

    name: str = ""
    """The name of the value."""
    path: str = ""
    """The file, as a path in the chart."""


class ApplicationSourceHelm(Spec):
    """How a chart is rendered. Parameters win over valuesObject, then values, then valueFiles."""

    value_files: tuple[str, ...] = ()
    """Files of values, later ones over earlier ones."""
    parameters: tuple[HelmParameter, ...] = ()
    """Single values."""
    release_name: str = ""
    """The name of the Application by default."""
    values: str = ""
    """Values, as a block of YAML text."""
    values_object: Object | None = Field(default=None, json_schema_extra=OPEN)
    """Values, as YAML."""
    file_parameters: tuple[HelmFileParameter, ...] = ()
    """Single values that are read from files."""
    version: str = ""
    """The version of Helm."""
    pass_credentials: bool = False
    """Send the credentials to other hosts too; false by default."""
    ignore_missing_value_files: bool = False
    """Pass over value files that do not exist; false by default."""
    skip_crds: bool = False
    """Leave out the chart's CustomResourceDefinitions; false by default."""
    skip_tests: bool = False
    """Leave out the chart's tests; false by default."""
    skip_schema_validation: bool = False
    """Do not check values against the chart's schema; false by default."""
    namespace: str = ""
    """The namespace to render for; the destination's by default."""
    kube_version: str = ""
    """The Kubernetes version to render for; the cluster's by default."""
    api_versions: tuple[str, ...] = ()
    """The API versions to render for; the cluster's by default."""


class KustomizeReplica(Spec):
    """The size of one workload."""

    name: str
    """The name of the workload."""
    count: IntOrString
    """The number of pods."""


class KustomizeSelector(Spec):
    """Which objects a patch is for."""

    group: str = ""
    """The API group."""
    version: str = ""
    """The API version."""
    kind: str = ""
    """The kind."""
    name: str = ""
    """The name, as a regular expression."""
    namespace: str = ""
    """The namespace, as a regular expression."""
    annotation_selector: str = ""
    """A selector of annotations."""
    label_selector: str = ""
    """A selector of labels."""


class KustomizePatch(Spec):
    """A patch, inline or from a file."""

    path: str = ""
    """A file in the repository that holds the patch; use this or patch."""
    patch: str = ""
    """The patch itself, as a strategic merge or a JSON patch."""
    target: KustomizeSelector | None = None
    """The objects to patch; those that a strategic merge names by default."""
    options: dict[str, bool] = {}
    """Such as `allowNameChange`."""


class ApplicationSourceKustomize(Spec):
    """What is changed on top of the kustomization in the repository."""

    name_prefix: str = ""
    """Put in front of every name."""
    name_suffix: str = ""
    """Put behind every name."""
    images: tuple[str, ...] = ()
    """Each `[old image name=]image[:tag|@digest]`."""
    replicas: tuple[KustomizeReplica, ...] = ()
    """Sizes of workloads."""
    common_labels: dict[str, str] = {}
    """Labels for every object."""
    common_annotations: dict[str, str] = {}
    """Annotations for every object."""
    common_annotations_envsubst: bool = False
    """Fill in `${ARGOCD_APP_...}` in commonAnnotations; false by default."""
    label_without_selector: bool = False
    """Leave selectors without the commonLabels; false by default."""
    label_include_templates: bool = False
    """Add the commonLabels to pod templates too, with labelWithoutSelector; false by default."""
    force_common_labels: bool = False
    """Let commonLabels replace those of the kustomization; false by default."""
    force_common_annotations: bool = False
    """Let commonAnnotations replace those of the kustomization; false by default."""
    namespace: str = ""
    """The namespace to put every object into."""
    patches: tuple[KustomizePatch, ...] = ()
    """Patches on top of those of the kustomization."""
    components: tuple[str, ...] = ()
    """Folders of components to add."""
    ignore_missing_components: bool = False
    """Pass over components that do not exist; false by default."""
    version: str = ""
    """The version of Kustomize."""
    kube_version: str = ""
    """The Kubernetes version that charts are rendered for."""
    api_versions: tuple[str, ...] = ()
    """The API versions that charts are rendered for."""


class JsonnetVar(Spec):
    """A variable of a Jsonnet program."""

    name: str
    """The name of the variable."""
    value: str
    """The value."""
    code: bool = False
    """The value is Jsonnet rather than text; false by default."""


class ApplicationSourceJsonnet(Spec):
    """How Jsonnet files are evaluated."""

    ext_vars: tuple[JsonnetVar, ...] = ()
    """External variables."""
    tlas: tuple[JsonnetVar, ...] = ()
    """Arguments of the top-level function."""
    libs: tuple[str, ...] = ()
    """Folders to look for imports in."""


class ApplicationSourceDirectory(Spec):
    """Which files of a plain folder count."""

    recurse: bool = False
    """Read the folders below as well; false by default."""
    jsonnet: ApplicationSourceJsonnet | None = None
    """How Jsonnet files are evaluated."""
    include: str = ""
    """A glob, such as `{a,b}*.yaml`; all manifests by default."""
    exclude: str = ""
    """A glob; wins over include."""


class EnvEntry(Spec):
    """A variable of the environment."""

    name: str
    """The name of the variable."""
    value: str
    """The value."""


class ApplicationSourcePluginParameter(Spec):
    """A parameter of a config management plugin: one of string, map and array."""

    name: str = ""
    """The name of the parameter."""
    string: str | None = None
    """A value that is text."""
    map: dict[str, str] | None = None
    """A value that is a map."""
    array: tuple[str, ...] | None = None
    """A value that is a list."""


class ApplicationSourcePlugin(Spec):
    """A config management plugin that renders."""

    name: str = ""
    """The name of the plugin."""
    env: tuple[EnvEntry, ...] = ()
    """Variables of its environment."""
    parameters: tuple[ApplicationSourcePluginParameter, ...] = ()
    """Its parameters."""


class ApplicationSource(Spec):
    """A folder of a repository, or a chart."""

    repo_url: str = Field(alias="repoURL")
    """The URL of the repository."""
    path: str = ""
    """The folder in the repository; `.` is the whole of it."""
    target_revision: str = ""
    """A branch, a tag or a commit; HEAD by default. Of a chart, a version."""
    helm: ApplicationSourceHelm | None = None
    """How a chart is rendered; parameters win over valuesObject, then values, then valueFiles."""
    kustomize: ApplicationSourceKustomize | None = None
    """What is added to a kustomization."""
    directory: ApplicationSourceDirectory | None = None
    """Which files of a plain folder count."""
    plugin: ApplicationSourcePlugin | None = None
    """A plugin that renders."""
    chart: str = ""
    """The name of a chart in a Helm repository; use this or path."""
    ref: str = ""
    """The name by which value files of other sources refer to this one."""
    name: str = ""
    """A name for this source, to tell several apart."""
    tag_prefix: str = ""
    """What the tags of this source begin with, where targetRevision is a range of versions."""


class DrySource(Spec):
    """Where the manifests are before they are rendered."""

    repo_url: str = Field(alias="repoURL")
    """The URL of the repository."""
    target_revision: str
    """The branch, tag or commit."""
    path: str
    """The folder in the repository."""
    helm: ApplicationSourceHelm | None = None
    """How a chart is rendered; parameters win over valuesObject, then values, then valueFiles."""
    kustomize: ApplicationSourceKustomize | None = None
    """What is added to a kustomization."""
    directory: ApplicationSourceDirectory | None = None
    """Which files of a plain folder count."""
    plugin: ApplicationSourcePlugin | None = None
    """A plugin that renders."""


class SyncSource(Spec):
    """The branch and folder that hold the rendered manifests."""

    target_branch: str
    """The branch."""
    path: str
    """The folder in the branch."""
    repo_url: str = Field(default="", alias="repoURL")
    """The URL of the repository; that of drySource by default."""


class HydrateTo(Spec):
    """A branch that takes the rendered manifests first."""

    target_branch: str
    """The branch."""


class SourceHydrator(Spec):
    """Render into a branch, and sync from there."""

    dry_source: DrySource
    """What is rendered."""
    sync_source: SyncSource
    """Where the result is synced from."""
    hydrate_to: HydrateTo | None = None
    """A branch for the result to wait in, such as for a pull request."""
