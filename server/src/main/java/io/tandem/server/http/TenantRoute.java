package io.tandem.server.http;

import io.tandem.server.tenant.Principal;
import io.vertx.ext.web.RoutingContext;

/** What answers a request that has a caller: every one but those for the server's state and description. */
interface TenantRoute {
    void handle(RoutingContext context, Principal caller);

    /** The same with an upload. */
    interface WithUpload {
        void handle(RoutingContext context, Principal caller, Upload upload);
    }
}
