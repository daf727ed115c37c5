"""Where an Application's manifests come from, and how they are rendered."""

from pydantic import Field

from rollouts.api.meta import OPEN, IntOrString, Object, Spec


class HelmParameter(Spec):
    """A value to set, as `helm --set` does."""

    name: str = ""
    value: str = ""
    force_string: bool = False


class HelmFileParameter(Spec):
    """A value to set from a file, as `helm --set-file` does."""

    name: str = ""
    path: str = ""


class ApplicationSourceHelm(Spec):
    """How a chart is rendered. Parameters win over valuesObject, then values, then valueFiles."""

    value_files: tuple[str, ...] = ()
    parameters: tuple[HelmParameter, ...] = ()
    release_name: str = ""
    """The name of the Application by default."""
    values: str = ""
    values_object: Object | None = Field(default=None, json_schema_extra=OPEN)
    file_parameters: tuple[HelmFileParameter, ...] = ()
    version: str = ""
    pass_credentials: bool = False
    ignore_missing_value_files: bool = False
    skip_crds: bool = False
    skip_tests: bool = False
    skip_schema_validation: bool = False
    namespace: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


class KustomizeReplica(Spec):
    """The size of one workload."""

    name: str
    count: IntOrString


class KustomizeSelector(Spec):
    """Which objects a patch is for."""

    group: str = ""
    version: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""
    annotation_selector: str = ""
    label_selector: str = ""


class KustomizePatch(Spec):
    """A patch, inline or from a file."""

    path: str = ""
    patch: str = ""
    target: KustomizeSelector | None = None
    options: dict[str, bool] = {}


class ApplicationSourceKustomize(Spec):
    """What is changed on top of the kustomization in the repository."""

    name_prefix: str = ""
    name_suffix: str = ""
    images: tuple[str, ...] = ()
    """Each `[old image name=]image[:tag|@digest]`."""
    replicas: tuple[KustomizeReplica, ...] = ()
    common_labels: dict[str, str] = {}
    common_annotations: dict[str, str] = {}
    common_annotations_envsubst: bool = False
    label_without_selector: bool = False
    label_include_templates: bool = False
    force_common_labels: bool = False
    force_common_annotations: bool = False
    namespace: str = ""
    patches: tuple[KustomizePatch, ...] = ()
    components: tuple[str, ...] = ()
    ignore_missing_components: bool = False
    version: str = ""
    kube_version: str = ""
    api_versions: tuple[str, ...] = ()


class JsonnetVar(Spec):
    """A variable of a Jsonnet program."""

    name: str
    value: str
    code: bool = False


class ApplicationSourceJsonnet(Spec):
    """How Jsonnet files are evaluated."""

    ext_vars: tuple[JsonnetVar, ...] = ()
    tlas: tuple[JsonnetVar, ...] = ()
    libs: tuple[str, ...] = ()


class ApplicationSourceDirectory(Spec):
    """Which files of a plain folder count."""

    recurse: bool = False
    jsonnet: ApplicationSourceJsonnet | None = None
    include: str = ""
    """A glob, such as `{a,b}*.yaml`; all manifests by default."""
    exclude: str = ""
    """A glob; wins over include."""


class EnvEntry(Spec):
    """A variable of the environment."""

    name: str
    value: str


class ApplicationSourcePluginParameter(Spec):
    """A parameter of a config management plugin: one of string, map and array."""

    name: str = ""
    string: str | None = None
    map: dict[str, str] | None = None
    array: tuple[str, ...] | None = None


class ApplicationSourcePlugin(Spec):
    """A config management plugin that renders."""

    name: str = ""
    env: tuple[EnvEntry, ...] = ()
    parameters: tuple[ApplicationSourcePluginParameter, ...] = ()


class ApplicationSource(Spec):
    """A folder of a repository, or a chart."""

    repo_url: str = Field(alias="repoURL")
    path: str = ""
    target_revision: str = ""
    """A branch, a tag or a commit; HEAD by default. Of a chart, a version."""
    helm: ApplicationSourceHelm | None = None
    kustomize: ApplicationSourceKustomize | None = None
    directory: ApplicationSourceDirectory | None = None
    plugin: ApplicationSourcePlugin | None = None
    chart: str = ""
    ref: str = ""
    """The name by which value files of other sources refer to this one."""
    name: str = ""
    tag_prefix: str = ""


class DrySource(Spec):
    """Where the manifests are before they are rendered."""

    repo_url: str = Field(alias="repoURL")
    target_revision: str
    path: str
    helm: ApplicationSourceHelm | None = None
    kustomize: ApplicationSourceKustomize | None = None
    directory: ApplicationSourceDirectory | None = None
    plugin: ApplicationSourcePlugin | None = None


class SyncSource(Spec):
    """The branch and folder that hold the rendered manifests."""

    target_branch: str
    path: str
    repo_url: str = Field(default="", alias="repoURL")


class HydrateTo(Spec):
    """A branch that takes the rendered manifests first."""

    target_branch: str


class SourceHydrator(Spec):
    """Render into a branch, and sync from there."""

    dry_source: DrySource
    sync_source: SyncSource
    hydrate_to: HydrateTo | None = None
