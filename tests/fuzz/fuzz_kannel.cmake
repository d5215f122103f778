target_sources(${target} PRIVATE plugins/gw_kannel/gw_kannel.c)
plugin_lib(${target} form)
