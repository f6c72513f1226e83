package io.tandem.server;

import io.tandem.server.config.ApiKey;
import io.tandem.server.config.HttpConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;

/** The address behind {@code http.host}. It is looked up once: what was checked is what the server listens on. */
final class ListenAddress {
    private ListenAddress() {}

    /**
     * Tries whether a port is free, before a model is loaded in vain.
     *
     * @param address as {@link #resolve} returns it
     * @throws IOException if the server could not listen there now
     */
    static void requireFree(String address, int port) throws IOException {
        try (ServerSocket socket = new ServerSocket()) {
            // What another server has closed a moment ago is free, as it is for the server itself.
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(address, port));
        } catch (IOException e) {
            throw taken(address, port, e);
        }
    }

    /** Why the server cannot listen, and what to do. */
    static IOException taken(String address, int port, IOException cause) {
        return new IOException(
                "cannot listen on " + address + ", port " + port + " (http.host, http.port): " + cause.getMessage()
                        + "; end what listens there, or choose another port with --port",
                cause);
    }

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
