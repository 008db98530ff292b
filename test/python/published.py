"""The names that the published reference of the package has, each where it says; run in an
instance."""
import importlib
import inspect
import sys
import unittest

NAMES = {
    "flux": "Flux",
    "flux.abc.journal": "JournalConsumerBase JournalEventBase",
    "flux.brokermod": "BrokerModule BrokerModule.run BrokerModule.stop BrokerModule.stop_error "
                      "BrokerModule.handle BrokerModule.args BrokerModule.name BrokerLogger "
                      "request_handler event_handler",
    "flux.cli.plugin": "CLIPlugin CLIPlugin.add_option CLIPlugin.help CLIPlugin.modify_jobspec "
                       "CLIPlugin.preinit CLIPlugin.validate CLIPluginOption CLIPluginRegistry",
    "flux.constraint.parser": "ConstraintParser ConstraintLexer ConstraintSyntaxError",
    "flux.core.handle": "Flux Flux.add_watcher Flux.attr_get Flux.attr_remove Flux.attr_set "
                        "Flux.check_watcher_create Flux.close Flux.conf_get Flux.del_watcher "
                        "Flux.event_create Flux.event_send Flux.event_subscribe "
                        "Flux.fd_watcher_create Flux.log Flux.msg_watcher_create "
                        "Flux.prepare_watcher_create Flux.reactor_run Flux.reactor_stop "
                        "Flux.reactor_stop_error Flux.respond Flux.rpc Flux.send "
                        "Flux.service_register Flux.signal_watcher_create "
                        "Flux.timer_watcher_create",
    "flux.core.watchers": "Watcher Watcher.start Watcher.stop TimerWatcher TimerWatcher.reset "
                          "FDWatcher SignalWatcher PrepareWatcher CheckWatcher IdleWatcher",
    "flux.eventlog": "EventLogFormatter",
    "flux.future": "Future Future.error_string Future.fulfill_error Future.get Future.get_flux "
                   "Future.get_reactor Future.incref Future.is_ready Future.reset "
                   "Future.set_flux Future.stop Future.then Future.wait_for FutureExt "
                   "FutureExt.fulfill FutureExt.get WaitAllFuture WaitAllFuture.push",
    "flux.hostlist": "Hostlist decode Hostlist.append Hostlist.copy Hostlist.count "
                     "Hostlist.delete Hostlist.encode Hostlist.expand Hostlist.index "
                     "Hostlist.sort Hostlist.uniq",
    "flux.idset": "IDset IDset.add IDset.clear IDset.copy IDset.count IDset.difference "
                  "IDset.encode IDset.equal IDset.expand IDset.first IDset.intersect IDset.last "
                  "IDset.next IDset.set IDset.set_flags IDset.subtract IDset.test IDset.union "
                  "decode",
    "flux.job": "Jobspec JobspecV1 JobID JobInfo JobInfoFormat JobList JobException FluxExecutor "
                "FluxExecutorFuture JobWatcher JournalConsumer submit submit_async event_watch "
                "event_watch_async event_wait kill kill_async cancel cancel_async result "
                "result_async wait wait_async get_job job_list job_list_id job_raise "
                "job_info_lookup JobKVSLookup job_kvs job_kvs_guest timeleft validate_jobspec "
                "JobStats JobOutput output_watch output_watch_async",
    "flux.job.JobID": "JobID JobID.dec JobID.dothex JobID.emoji JobID.encode JobID.f58 "
                      "JobID.f58plain JobID.hex JobID.kvs JobID.orig JobID.words id_encode "
                      "id_parse",
    "flux.job.Jobspec": "Jobspec Jobspec.add_file Jobspec.attributes Jobspec.cwd Jobspec.dumps "
                        "Jobspec.duration Jobspec.environment Jobspec.error "
                        "Jobspec.from_yaml_file Jobspec.from_yaml_stream Jobspec.getattr "
                        "Jobspec.input Jobspec.output Jobspec.queue Jobspec.resource_counts "
                        "Jobspec.resource_walk Jobspec.resources Jobspec.setattr "
                        "Jobspec.setattr_shell_option Jobspec.stderr Jobspec.stdin "
                        "Jobspec.stdout Jobspec.tasks Jobspec.top_level_keys Jobspec.version "
                        "JobspecV1.apply_options JobspecV1.from_alloc JobspecV1.from_batch "
                        "JobspecV1.from_batch_command JobspecV1.from_command "
                        "JobspecV1.from_nest_command JobspecV1.from_submit "
                        "JobspecV1.per_resource validate_jobspec",
    "flux.job.executor": "FluxExecutor FluxExecutor.submit FluxExecutor.attach "
                         "FluxExecutor.shutdown FluxExecutorFuture FluxExecutorFuture.EVENTS "
                         "FluxExecutorFuture.jobid FluxExecutorFuture.add_jobid_callback "
                         "FluxExecutorFuture.add_event_callback FluxExecutorFuture.cancel",
    "flux.job.frobnicator.frobnicator": "FrobnicatorPlugin FrobnicatorPlugin.configure "
                                        "FrobnicatorPlugin.frob JobFrobnicator "
                                        "JobFrobnicator.default_frobnicators JobFrobnicator.frob "
                                        "JobFrobnicator.plugin_namespace JobFrobnicator.start",
    "flux.job.info": "AnnotationsInfo DependencyList EmptyObject ExceptionInfo InfoList "
                     "InstanceInfo InstanceInfo.gpu_utilization InstanceInfo.progress "
                     "InstanceInfo.utilization JobInfo JobInfo.contextual_info "
                     "JobInfo.contextual_time JobInfo.defaults JobInfo.inactive_reason "
                     "JobInfo.properties JobInfo.result JobInfo.result_abbrev "
                     "JobInfo.result_emoji JobInfo.returncode JobInfo.get_remaining_time "
                     "JobInfo.get_runtime JobInfo.runtime JobInfo.state JobInfo.state_emoji "
                     "JobInfo.state_single JobInfo.status JobInfo.status_abbrev "
                     "JobInfo.status_emoji JobInfo.t_remaining JobInfo.uri JobInfo.username "
                     "JobInfoFormat JobInfoFormat.JobFormatter",
    "flux.job.kvslookup": "JobInfoLookupRPC JobInfoLookupRPC.get JobInfoLookupRPC.get_decode "
                          "JobKVSLookup JobKVSLookup.data JobKVSLookup.fetch_data "
                          "JobKVSLookupFuture JobKVSLookupFuture.get "
                          "JobKVSLookupFuture.get_decode decode_special_data job_info_lookup "
                          "job_kvs_lookup",
    "flux.job.list": "JobList JobList.RESULTS JobList.STATES JobList.add_filter "
                     "JobList.fetch_jobs JobList.jobs JobList.set_user JobListRPC "
                     "JobListRPC.get_jobs JobListRPC.get_jobinfos JobListIdRPC JobListIdsFuture "
                     "job_list job_list_id job_list_inactive get_job",
    "flux.job.validator": "JobValidator ValidatorPlugin ValidatorJobInfo ValidatorResult",
    "flux.kvs": "KVSDir KVSDir.commit KVSDir.commit_async KVSDir.directories KVSDir.exists "
                "KVSDir.files KVSDir.fill KVSDir.key_at KVSDir.list_all KVSDir.mkdir KVSTxn "
                "KVSTxn.clear KVSTxn.commit KVSTxn.mkdir KVSTxn.put KVSTxn.symlink "
                "KVSTxn.unlink commit commit_async exists get get_dir isdir join "
                "kvs_watch_async put put_mkdir put_symlink put_unlink walk namespace_create "
                "namespace_list namespace_remove",
    "flux.job.directives": "Directive DirectiveParser DirectiveParser.append "
                           "DirectiveParser.triplequote",
    "flux.message": "Message Message.decode Message.from_event_encode Message.payload "
                    "Message.payload_str Message.topic Message.type Message.type_str "
                    "MessageWatcher msg_typestr",
    "flux.modprobe": "task Context",
    "flux.queue": "QueueList",
    "flux.resource": "ResourceSet ResourcePool SchedResourceList resource_list resource_status "
                     "InsufficientResources InfeasibleRequest",
    "flux.resource.ResourcePool": "ResourcePool",
    "flux.resource.Rv1Pool": "Rv1Pool Rv1Pool._select_resources Rv1Pool._check_feasibility "
                             "ResourceRequest",
    "flux.rpc": "RPC RPC.get RPC.get_str",
    "flux.scheduler": "Scheduler Scheduler.schedule Scheduler.forecast Scheduler.hello "
                      "Scheduler.alloc Scheduler.free Scheduler.cancel Scheduler.prioritize "
                      "Scheduler.start_schedule Scheduler.resource_update Scheduler.stats_get "
                      "Scheduler.feasibility_check Scheduler._request_schedule "
                      "Scheduler._make_pool Scheduler._pool_class_from_uri "
                      "Scheduler._pool_class_from_writer Scheduler.SCHED_DELAY_MAX "
                      "Scheduler.SCHED_EWMA_ALPHA Scheduler.queue_depth Scheduler.log_level "
                      "Scheduler.pool_class FIFOScheduler AllocRequest AllocRequest.success "
                      "AllocRequest.deny AllocRequest.cancel AllocRequest.annotate PendingJob",
    "flux.security": "SecurityContext",
    "flux.slurm": "slurm_timeleft",
    "flux.shape.parser": "ShapeParser",
    "flux.subprocess": "Subprocess Subprocess.pid Subprocess.rank Subprocess.state "
                       "Subprocess.label Subprocess.cmd SubprocessBackgroundRexecRPC "
                       "SubprocessBackgroundRexecRPC.get_pid "
                       "SubprocessBackgroundRexecRPC.get_rank SubprocessListRPC "
                       "SubprocessListRPC.get_processes SubprocessWaitRPC "
                       "SubprocessWaitRPC.get_status command_create kill wait rexec_bg",
    "flux.uri": "FluxURIResolver JobURI URIResolverPlugin",
    "flux.uri.uri": "FluxURIResolver FluxURIResolver.plugins FluxURIResolver.resolve JobURI "
                    "JobURI.force_local JobURI.local JobURI.remote URI URIResolverPlugin "
                    "URIResolverPlugin.describe URIResolverPlugin.resolve",
    "flux.util": "OutputFormat UtilFormatter parse_fsd fsd parse_datetime EmptyObject Tree "
                 "CLIMain UtilConfig",
}
# Parameters that are promised in this order.
PARAMETERS = {
    "flux.cli.plugin.CLIPlugin": "prog prefix version",
    "flux.core.handle.Flux": "url flags handle",
    "flux.core.watchers.CheckWatcher": "flux_handle callback args",
    "flux.core.watchers.IdleWatcher": "flux_handle callback args",
    "flux.core.watchers.TimerWatcher": "flux_handle after callback repeat args",
    "flux.message.MessageWatcher":
        "flux_handle type_mask callback topic_glob match_tag rolemask args",
    "flux.job.directives.Directive": "value lineno",
    "flux.job.frobnicator.frobnicator.JobFrobnicator.frob": "self jobspec user flags urgency",
    "flux.subprocess.command_create": "command label cwd env opts",
    "flux.subprocess.kill": "flux_handle signum pid label service nodeid sign",
    "flux.core.handle.Flux.conf_get": "key default update",
    "flux.job.executor.FluxExecutor":
        "threads thread_name_prefix poll_interval handle_args handle_kwargs",
    "flux.job.list.JobList":
        "flux_handle attrs filters ids user max_entries since name queue",
    "flux.job.kvslookup.JobKVSLookup": "flux_handle ids keys decode original base",
    "flux.job.submit.submit": "flux_handle jobspec urgency waitable debug pre_signed novalidate",
    "flux.job.Jobspec.JobspecV1.from_command":
        "command num_tasks cores_per_task gpus_per_task num_nodes exclusive",
    "flux.job.Jobspec.JobspecV1.from_batch_command":
        "script jobname args num_slots cores_per_slot gpus_per_slot num_nodes broker_opts",
    "flux.kvs.KVSDir": "flux_handle path namespace",
    "flux.uri.uri.JobURI": "uri remote_hostname",
}


def find(name):
    """What a whole name stands for."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            found = getattr(found, part)
        return found
    raise AttributeError(name)


class Published(unittest.TestCase):
    def test_names(self):
        for home, names in NAMES.items():
            module = importlib.import_module(home)
            for name in names.split():
                with self.subTest(f"{home}.{name}"):
                    found = module
                    for part in name.split("."):
                        # Annotations make attributes of objects.
                        if part in getattr(found, "__annotations__", {}):
                            break
                        found = getattr(found, part)

    def test_parameters(self):
        for name, wanted in PARAMETERS.items():
            with self.subTest(name):
                known = [p for p in inspect.signature(find(name)).parameters
                         if p != "self" or "self" in wanted]
                self.assertEqual(known[:len(wanted.split())], wanted.split())


if __name__ == "__main__":
    sys.exit(unittest.main())
