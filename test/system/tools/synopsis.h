/* What the pages of section 3 of the manual promise, written from them, page by page:
 * whatever compiles with this beside our headers has what it was written for. */
#ifdef __cplusplus
extern "C" {
#endif

/* flux_attr_get */
const char *flux_attr_get (flux_t *h, const char *name);
int flux_attr_set (flux_t *h, const char *name, const char *val);
int flux_attr_set_ex (flux_t *h, const char *name, const char *val, bool force,
                      flux_error_t *error);
/* flux_aux_set */
void *flux_aux_get (flux_t *h, const char *name);
int flux_aux_set (flux_t *h, const char *name, void *aux, flux_free_f destroy);
/* flux_comms_error_set */
void flux_comms_error_set (flux_t *h, flux_comms_error_f fun, void *arg);
/* flux_conf_builtin_get */
const char *flux_conf_builtin_get (const char *name, int flags);
/* flux_conf_create */
flux_conf_t *flux_conf_create (void);
const flux_conf_t *flux_conf_incref (const flux_conf_t *conf);
void flux_conf_decref (const flux_conf_t *conf);
flux_conf_t *flux_conf_copy (const flux_conf_t *conf);
int flux_conf_unpack (const flux_conf_t *conf, flux_error_t *error, const char *fmt,
                      ...);
flux_conf_t *flux_conf_pack (const char *fmt, ...);
flux_conf_t *flux_conf_parse (const char *path, flux_error_t *error);
int flux_conf_update (flux_conf_t *conf, const char *text, flux_error_t *error);
/* flux_core_version */
const char *flux_core_version_string (void);
int flux_core_version (int *major, int *minor, int *patch);
/* flux_event_decode */
int flux_event_decode (const flux_msg_t *msg, const char **topic, const char **s);
int flux_event_decode_raw (const flux_msg_t *msg, const char **topic, const void **data,
                           size_t *len);
flux_msg_t *flux_event_encode (const char *topic, const char *s);
flux_msg_t *flux_event_encode_raw (const char *topic, const void *data, size_t len);
int flux_event_unpack (const flux_msg_t *msg, const char **topic, const char *fmt, ...);
flux_msg_t *flux_event_pack (const char *topic, const char *fmt, ...);
/* flux_event_publish */
flux_future_t *flux_event_publish (flux_t *h, const char *topic, int flags,
                                   const char *s);
flux_future_t *flux_event_publish_pack (flux_t *h, const char *topic, int flags,
                                        const char *fmt, ...);
flux_future_t *flux_event_publish_raw (flux_t *h, const char *topic, int flags,
                                       const void *data, size_t len);
int flux_event_publish_get_seq (flux_future_t *f, int *seq);
/* flux_event_subscribe */
int flux_event_subscribe (flux_t *h, const char *topic);
int flux_event_unsubscribe (flux_t *h, const char *topic);
/* flux_fd_watcher_create */
typedef void (*flux_watcher_f) (flux_reactor_t *r, flux_watcher_t *w, int revents,
                                void *arg);
flux_watcher_t *flux_fd_watcher_create (flux_reactor_t *r, int fd, int events,
                                        flux_watcher_f callback, void *arg);
int flux_fd_watcher_get_fd (flux_watcher_t *w);
/* flux_flags_set */
void flux_flags_set (flux_t *h, int flags);
void flux_flags_unset (flux_t *h, int flags);
int flux_flags_get (flux_t *h);
/* flux_future_and_then */
flux_future_t *flux_future_and_then (flux_future_t *f, flux_continuation_f cb,
                                     void *arg);
flux_future_t *flux_future_or_then (flux_future_t *f, flux_continuation_f cb,
                                    void *arg);
int flux_future_continue (flux_future_t *prev, flux_future_t *f);
void flux_future_continue_error (flux_future_t *prev, int errnum, const char *errstr);
int flux_future_fulfill_next (flux_future_t *f, void *result, flux_free_f free_fn);
/* flux_future_create */
flux_future_t *flux_future_create (flux_future_init_f cb, void *arg);
void flux_future_fulfill (flux_future_t *f, void *result, flux_free_f free_fn);
void flux_future_fulfill_error (flux_future_t *f, int errnum, const char *errstr);
int flux_future_fulfill_with (flux_future_t *f, flux_future_t *p); /* it returns -1 */
void flux_future_fatal_error (flux_future_t *f, int errnum, const char *errstr);
void *flux_future_aux_get (flux_future_t *f, const char *name);
int flux_future_aux_set (flux_future_t *f, const char *name, void *aux,
                         flux_free_f destroy);
void flux_future_set_reactor (flux_future_t *f, flux_reactor_t *r);
flux_reactor_t *flux_future_get_reactor (flux_future_t *f);
void flux_future_set_flux (flux_future_t *f, flux_t *h);
flux_t *flux_future_get_flux (flux_future_t *f);
/* flux_future_get */
typedef void (*flux_continuation_f) (flux_future_t *f, void *arg);
int flux_future_get (flux_future_t *f, const void **result);
int flux_future_then (flux_future_t *f, double timeout, flux_continuation_f cb,
                      void *arg);
int flux_future_wait_for (flux_future_t *f, double timeout);
void flux_future_reset (flux_future_t *f);
void flux_future_destroy (flux_future_t *f);
bool flux_future_has_error (flux_future_t *f);
const char *flux_future_error_string (flux_future_t *f);
bool flux_future_is_ready (flux_future_t *f);
/* flux_future_wait_all_create */
flux_future_t *flux_future_wait_all_create (void);
flux_future_t *flux_future_wait_any_create (void);
int flux_future_push (flux_future_t *cf, const char *name, flux_future_t *f);
const char *flux_future_first_child (flux_future_t *cf);
const char *flux_future_next_child (flux_future_t *cf);
flux_future_t *flux_future_get_child (flux_future_t *cf, const char *name);
/* flux_get_conf */
flux_conf_t *flux_get_conf (flux_t *h);
int flux_set_conf_new (flux_t *h, const flux_conf_t *conf);
/* flux_get_rank */
int flux_get_rank (flux_t *h, uint32_t *rank);
int flux_get_size (flux_t *h, uint32_t *size);
/* flux_get_reactor */
flux_reactor_t *flux_get_reactor (flux_t *h);
int flux_set_reactor (flux_t *h, flux_reactor_t *r);
/* flux_handle_watcher_create */
flux_watcher_t *flux_handle_watcher_create (flux_reactor_t *r, flux_t *h, int events,
                                            flux_watcher_f callback, void *arg);
flux_t *flux_handle_watcher_get_flux (flux_watcher_t *w);
/* flux_idle_watcher_create */
flux_watcher_t *flux_prepare_watcher_create (flux_reactor_t *r, flux_watcher_f callback,
                                             void *arg);
flux_watcher_t *flux_check_watcher_create (flux_reactor_t *r, flux_watcher_f callback,
                                           void *arg);
flux_watcher_t *flux_idle_watcher_create (flux_reactor_t *r, flux_watcher_f callback,
                                          void *arg);
/* flux_job_timeleft */
int flux_job_timeleft (flux_t *h, flux_error_t *error, double *timeleft);
/* flux_kvs_commit */
flux_future_t *flux_kvs_commit (flux_t *h, const char *ns, int flags,
                                flux_kvs_txn_t *txn);
int flux_kvs_commit_get_treeobj (flux_future_t *f, const char **treeobj);
int flux_kvs_commit_get_rootref (flux_future_t *f, const char **rootref);
int flux_kvs_commit_get_sequence (flux_future_t *f, int *seq);
/* flux_kvs_copy */
flux_future_t *flux_kvs_copy (flux_t *h, const char *srcns, const char *srckey,
                              const char *dstns, const char *dstkey, int commit_flags);
flux_future_t *flux_kvs_move (flux_t *h, const char *srcns, const char *srckey,
                              const char *dstns, const char *dstkey, int commit_flags);
/* flux_kvs_getroot */
flux_future_t *flux_kvs_getroot (flux_t *h, const char *ns, int flags);
int flux_kvs_getroot_get_treeobj (flux_future_t *f, const char **treeobj);
int flux_kvs_getroot_get_blobref (flux_future_t *f, const char **blobref);
int flux_kvs_getroot_get_sequence (flux_future_t *f, int *seq);
int flux_kvs_getroot_get_owner (flux_future_t *f, uint32_t *owner);
/* flux_kvs_lookup */
flux_future_t *flux_kvs_lookup (flux_t *h, const char *ns, int flags, const char *key);
flux_future_t *flux_kvs_lookupat (flux_t *h, int flags, const char *key,
                                  const char *treeobj);
int flux_kvs_lookup_get (flux_future_t *f, const char **value);
int flux_kvs_lookup_get_unpack (flux_future_t *f, const char *fmt, ...);
int flux_kvs_lookup_get_raw (flux_future_t *f, const void **data, size_t *len);
int flux_kvs_lookup_get_dir (flux_future_t *f, const flux_kvsdir_t **dir);
int flux_kvs_lookup_get_treeobj (flux_future_t *f, const char **treeobj);
int flux_kvs_lookup_get_symlink (flux_future_t *f, const char **ns,
                                 const char **target);
const char *flux_kvs_lookup_get_key (flux_future_t *f);
int flux_kvs_lookup_cancel (flux_future_t *f);
/* flux_kvs_namespace_create */
flux_future_t *flux_kvs_namespace_create (flux_t *h, const char *ns, uint32_t owner,
                                          int flags);
flux_future_t *flux_kvs_namespace_create_with (flux_t *h, const char *ns,
                                               const char *rootref, uint32_t owner,
                                               int flags);
flux_future_t *flux_kvs_namespace_remove (flux_t *h, const char *ns);
/* flux_kvs_txn_create */
flux_kvs_txn_t *flux_kvs_txn_create (void);
void flux_kvs_txn_destroy (flux_kvs_txn_t *txn);
int flux_kvs_txn_put (flux_kvs_txn_t *txn, int flags, const char *key,
                      const char *value);
int flux_kvs_txn_pack (flux_kvs_txn_t *txn, int flags, const char *key, const char *fmt,
                       ...);
int flux_kvs_txn_vpack (flux_kvs_txn_t *txn, int flags, const char *key,
                        const char *fmt, va_list ap);
int flux_kvs_txn_mkdir (flux_kvs_txn_t *txn, int flags, const char *key);
int flux_kvs_txn_unlink (flux_kvs_txn_t *txn, int flags, const char *key);
int flux_kvs_txn_symlink (flux_kvs_txn_t *txn, int flags, const char *key,
                          const char *ns, const char *target);
int flux_kvs_txn_put_raw (flux_kvs_txn_t *txn, int flags, const char *key,
                          const void *data, size_t len);
int flux_kvs_txn_put_treeobj (flux_kvs_txn_t *txn, int flags, const char *key,
                              const char *treeobj);
/* flux_log */
int flux_vlog (flux_t *h, int level, const char *fmt, va_list ap);
int flux_log (flux_t *h, int level, const char *fmt, ...);
void flux_log_set_appname (flux_t *h, const char *s);
void flux_log_set_procid (flux_t *h, const char *s);
/* flux_module_set_running */
int flux_module_set_running (flux_t *h);
bool flux_module_debug_test (flux_t *h, int flag, bool clear);
int flux_module_config_request_decode (const flux_msg_t *msg, flux_conf_t **conf);
/* flux_msg_cmp */
bool flux_msg_cmp (const flux_msg_t *msg, struct flux_match match);
/* flux_msg_create */
flux_msg_t *flux_msg_create (int type);
const flux_msg_t *flux_msg_incref (const flux_msg_t *msg);
void flux_msg_decref (const flux_msg_t *msg);
void flux_msg_destroy (flux_msg_t *msg);
flux_msg_t *flux_msg_copy (const flux_msg_t *msg, bool payload);
/* flux_msg_encode */
int flux_msg_encode (const flux_msg_t *msg, void *buf, size_t size);
flux_msg_t *flux_msg_decode (const void *buf, size_t size);
/* flux_msg_handler_addvec */
int flux_msg_handler_addvec (flux_t *h, const struct flux_msg_handler_spec tab[],
                             void *arg, flux_msg_handler_t **handlers[]);
void flux_msg_handler_delvec (flux_msg_handler_t *handlers[]);
/* flux_msg_handler_allow_rolemask */
void flux_msg_handler_allow_rolemask (flux_msg_handler_t *mh, uint32_t rolemask);
void flux_msg_handler_deny_rolemask (flux_msg_handler_t *mh, uint32_t rolemask);
/* flux_msg_handler_create */
typedef void (*flux_msg_handler_f) (flux_t *h, flux_msg_handler_t *mh,
                                    const flux_msg_t *msg, void *arg);
flux_msg_handler_t *flux_msg_handler_create (flux_t *h, const struct flux_match match,
                                             flux_msg_handler_f callback, void *arg);
void flux_msg_handler_destroy (flux_msg_handler_t *mh);
void flux_msg_handler_start (flux_msg_handler_t *mh);
void flux_msg_handler_stop (flux_msg_handler_t *mh);
flux_watcher_t *flux_get_handle_watcher (flux_t *h);
/* flux_msg_has_flag */
bool flux_msg_has_flag (const flux_msg_t *msg, int flag);
int flux_msg_set_flag (flux_msg_t *msg, int flag);
int flux_msg_clear_flag (flux_msg_t *msg, int flag);
int flux_msg_set_private (flux_msg_t *msg);
bool flux_msg_is_private (const flux_msg_t *msg);
int flux_msg_set_streaming (flux_msg_t *msg);
bool flux_msg_is_streaming (const flux_msg_t *msg);
int flux_msg_set_noresponse (flux_msg_t *msg);
bool flux_msg_is_noresponse (const flux_msg_t *msg);
/* flux_open */
flux_t *flux_open (const char *uri, int flags);
flux_t *flux_open_ex (const char *uri, int flags, flux_error_t *error);
void flux_close (flux_t *h);
flux_t *flux_clone (flux_t *orig);
int flux_reconnect (flux_t *h);
/* flux_periodic_watcher_create */
typedef double (*flux_reschedule_f) (flux_watcher_t *w, double now, void *arg);
flux_watcher_t *flux_periodic_watcher_create (flux_reactor_t *r, double offset,
                                              double interval,
                                              flux_reschedule_f reschedule_callback,
                                              flux_watcher_f callback, void *arg);
void flux_periodic_watcher_reset (flux_watcher_t *w, double offset, double interval,
                                  flux_reschedule_f reschedule_callback);
/* flux_pollevents */
int flux_pollevents (flux_t *h);
int flux_pollfd (flux_t *h);
/* flux_reactor_create */
flux_reactor_t *flux_reactor_create (int flags);
void flux_reactor_destroy (flux_reactor_t *r);
int flux_reactor_run (flux_reactor_t *r, int flags);
void flux_reactor_stop (flux_reactor_t *r);
void flux_reactor_stop_error (flux_reactor_t *r);
/* flux_reactor_now */
double flux_reactor_now (flux_reactor_t *r);
void flux_reactor_now_update (flux_reactor_t *r);
double flux_reactor_time (void);
/* flux_recv */
flux_msg_t *flux_recv (flux_t *h, struct flux_match match, int flags);
/* flux_request_decode */
int flux_request_decode (const flux_msg_t *msg, const char **topic, const char **s);
int flux_request_unpack (const flux_msg_t *msg, const char **topic, const char *fmt,
                         ...);
int flux_request_decode_raw (const flux_msg_t *msg, const char **topic,
                             const void **data, size_t *len);
/* flux_request_encode */
flux_msg_t *flux_request_encode (const char *topic, const char *s);
flux_msg_t *flux_request_encode_raw (const char *topic, const void *data, size_t len);
/* flux_requeue */
int flux_requeue (flux_t *h, const flux_msg_t *msg, int flags);
/* flux_respond */
int flux_respond (flux_t *h, const flux_msg_t *request, const char *s);
int flux_respond_pack (flux_t *h, const flux_msg_t *request, const char *fmt, ...);
int flux_respond_raw (flux_t *h, const flux_msg_t *request, const void *data,
                      size_t len);
int flux_respond_error (flux_t *h, const flux_msg_t *request, int errnum,
                        const char *errstr);
/* flux_response_decode */
int flux_response_decode (const flux_msg_t *msg, const char **topic, const char **s);
int flux_response_decode_raw (const flux_msg_t *msg, const char **topic,
                              const void **data, size_t *len);
int flux_response_decode_error (const flux_msg_t *msg, const char **errstr);
/* flux_rpc */
flux_future_t *flux_rpc (flux_t *h, const char *topic, const char *s, uint32_t nodeid,
                         int flags);
flux_future_t *flux_rpc_pack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                              const char *fmt, ...);
flux_future_t *flux_rpc_vpack (flux_t *h, const char *topic, uint32_t nodeid, int flags,
                               const char *fmt, va_list ap);
flux_future_t *flux_rpc_raw (flux_t *h, const char *topic, const void *data, size_t len,
                             uint32_t nodeid, int flags);
flux_future_t *flux_rpc_message (flux_t *h, const flux_msg_t *msg, uint32_t nodeid,
                                 int flags);
int flux_rpc_get (flux_future_t *f, const char **s);
int flux_rpc_get_unpack (flux_future_t *f, const char *fmt, ...);
int flux_rpc_get_raw (flux_future_t *f, const void **data, size_t *len);
uint32_t flux_rpc_get_matchtag (flux_future_t *f);
uint32_t flux_rpc_get_nodeid (flux_future_t *f);
/* flux_send */
int flux_send (flux_t *h, const flux_msg_t *msg, int flags);
int flux_send_new (flux_t *h, flux_msg_t **msg, int flags);
/* flux_service_register */
flux_future_t *flux_service_register (flux_t *h, const char *name);
flux_future_t *flux_service_unregister (flux_t *h, const char *name);
/* flux_signal_watcher_create */
flux_watcher_t *flux_signal_watcher_create (flux_reactor_t *r, int signum,
                                            flux_watcher_f callback, void *arg);
int flux_signal_watcher_get_signum (flux_watcher_t *w);
/* flux_stat_watcher_create */
flux_watcher_t *flux_stat_watcher_create (flux_reactor_t *r, const char *path,
                                          double interval, flux_watcher_f callback,
                                          void *arg);
int flux_stat_watcher_get_rstat (flux_watcher_t *w, struct stat *stat,
                                 struct stat *prev);
/* flux_sync_create */
flux_future_t *flux_sync_create (flux_t *h, double minimum);
/* flux_timer_watcher_create */
flux_watcher_t *flux_timer_watcher_create (flux_reactor_t *r, double after,
                                           double repeat, flux_watcher_f callback,
                                           void *arg);
void flux_timer_watcher_reset (flux_watcher_t *w, double after, double repeat);
/* flux_watcher_set_priority */
void flux_watcher_set_priority (flux_watcher_t *w, int priority);
/* flux_watcher_start */
void flux_watcher_start (flux_watcher_t *w);
void flux_watcher_stop (flux_watcher_t *w);
bool flux_watcher_is_active (flux_watcher_t *w);
void flux_watcher_ref (flux_watcher_t *w);
void flux_watcher_unref (flux_watcher_t *w);
bool flux_watcher_is_referenced (flux_watcher_t *w);
void flux_watcher_destroy (flux_watcher_t *w);
double flux_watcher_next_wakeup (flux_watcher_t *w);
/* hostlist_create */
struct hostlist *hostlist_create (void);
void hostlist_destroy (struct hostlist *hl);
struct hostlist *hostlist_decode (const char *s);
char *hostlist_encode (struct hostlist *hl);
struct hostlist *hostlist_copy (const struct hostlist *hl);
int hostlist_count (struct hostlist *hl);
int hostlist_append (struct hostlist *hl, const char *hosts);
int hostlist_append_list (struct hostlist *hl1, struct hostlist *hl2);
const char *hostlist_nth (struct hostlist *hl, int n);
int hostlist_find (struct hostlist *hl, const char *hostname);
int hostlist_delete (struct hostlist *hl, const char *hosts);
void hostlist_sort (struct hostlist *hl);
void hostlist_uniq (struct hostlist *hl);
const char *hostlist_first (struct hostlist *hl);
const char *hostlist_last (struct hostlist *hl);
const char *hostlist_next (struct hostlist *hl);
const char *hostlist_current (struct hostlist *hl);
int hostlist_remove_current (struct hostlist *hl);
/* idset_add */
bool idset_equal (const struct idset *a, const struct idset *b);
struct idset *idset_union (const struct idset *a, const struct idset *b);
struct idset *idset_difference (const struct idset *a, const struct idset *b);
struct idset *idset_intersect (const struct idset *a, const struct idset *b);
int idset_add (struct idset *a, const struct idset *b);
int idset_subtract (struct idset *a, const struct idset *b);
bool idset_has_intersection (const struct idset *a, const struct idset *b);
/* idset_alloc */
int idset_alloc (struct idset *idset, unsigned int *val);
void idset_free (struct idset *idset, unsigned int val);
int idset_free_check (struct idset *idset, unsigned int val);
/* idset_create */
struct idset *idset_create (size_t size, int flags);
void idset_destroy (struct idset *idset);
struct idset *idset_copy (const struct idset *idset);
int idset_set (struct idset *idset, unsigned int id);
int idset_range_set (struct idset *idset, unsigned int lo, unsigned int hi);
int idset_clear (struct idset *idset, unsigned int id);
int idset_range_clear (struct idset *idset, unsigned int lo, unsigned int hi);
bool idset_test (const struct idset *idset, unsigned int id);
unsigned int idset_first (const struct idset *idset);
unsigned int idset_next (const struct idset *idset, unsigned int id);
unsigned int idset_last (const struct idset *idset);
unsigned int idset_prev (const struct idset *idset, unsigned int id);
size_t idset_count (const struct idset *idset);
bool idset_empty (const struct idset *idset);
size_t idset_universe_size (const struct idset *idset);
/* idset_decode, idset_encode */
struct idset *idset_decode (const char *s);
struct idset *idset_decode_ex (const char *s, ssize_t len, ssize_t size, int flags,
                               idset_error_t *error);
bool idset_decode_empty (const char *s, ssize_t len);
int idset_decode_info (const char *s, ssize_t len, size_t *count, unsigned int *maxid,
                       idset_error_t *error);
int idset_decode_add (struct idset *idset, const char *s, ssize_t len,
                      idset_error_t *error);
int idset_decode_subtract (struct idset *idset, const char *s, ssize_t len,
                           idset_error_t *error);
char *idset_encode (const struct idset *idset, int flags);

#ifdef __cplusplus
}
#endif
