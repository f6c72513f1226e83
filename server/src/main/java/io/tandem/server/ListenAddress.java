package io.tandem.server;

import io.tandem.server.config.ApiKey;
import io.tandem.server.config.HttpConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;

/** The address behind {@code http.host}. It is looked up once: what was checked is what the server listens on. */
final class ListenAddress {
    private ListenAddress() {}

    /**
     * @param locked whether requests need a key
     * @throws IOException if there is no such address, or if others could use the server without having been let in
     */
    static String resolve(HttpConfig http, boolean locked) throws IOException {
        InetAddress address;
        try {
            address = InetAddress.getByName(http.host());
        } catch (UnknownHostException e) {
            throw new IOException("http.host is " + http.host() + ", which has no address", e);
        }
        boolean open = locked || http.access().allowAnonymous();
        if (!open && !address.isLoopbackAddress()) {
            throw new IOException("http.host is " + http.host()
                    + ", where other machines can use the server without a key: set one with " + ApiKey.VARIABLE
                    + " or http.api-key, make one with 'tandem tenants keys', or let everybody in with --allow-anonymous or"
                    + " http.allow-anonymous: true");
        }
        return address.getHostAddress();
    }
}
