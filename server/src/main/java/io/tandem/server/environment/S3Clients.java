package io.tandem.server.environment;

import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/** Clients of S3, or of any store that speaks its protocol, by the environment variables of AWS's tools. */
public final class S3Clients {
    private static final Duration SILENCE = Duration.ofSeconds(30);

    private S3Clients() {}

    /**
     * Where a store is. What is empty is what the environment says.
     *
     * @param endpoint of a store that is not AWS's
     * @param pathStyle whether buckets are in the path and not in the name of the host
     */
    public record Place(Optional<URI> endpoint, Optional<String> region, Optional<Boolean> pathStyle) {
        /** What the environment says. */
        public static final Place ENVIRONMENT = new Place(Optional.empty(), Optional.empty(), Optional.empty());
    }

    /**
     * A client for whoever closes it.
     *
     * @param connect longest to wait for a connection
     * @throws IllegalArgumentException naming the variable that is wrong
     */
    public static S3ClientBuilder builder(Map<String, String> environment, Place place, Duration connect) {
        Optional<URI> endpoint = place.endpoint()
                .or(() -> Environment.first(environment, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
                        .map(S3Clients::endpoint));
        String region = place.region()
                .or(() -> Environment.first(environment, "AWS_REGION", "AWS_DEFAULT_REGION"))
                .orElse("us-east-1");
        S3ClientBuilder builder = S3Client.builder()
                .httpClientBuilder(UrlConnectionHttpClient.builder()
                        .connectionTimeout(connect)
                        .socketTimeout(SILENCE))
                .region(Region.of(region))
                .credentialsProvider(credentials(environment))
                // Other stores seldom have a host name for each bucket, nor regions to be sent on to.
                .forcePathStyle(place.pathStyle().orElse(endpoint.isPresent()))
                .crossRegionAccessEnabled(endpoint.isEmpty());
        endpoint.ifPresent(builder::endpointOverride);
        return builder;
    }

    /** What is wrong is not shown: there may be a password in it. */
    private static URI endpoint(String url) {
        return address(url)
                .orElseThrow(() -> new IllegalArgumentException(
                        "AWS_ENDPOINT_URL is not an address such as http://localhost:9000"));
    }

    /** The address of a store; empty if it is none. */
    public static Optional<URI> address(String url) {
        try {
            return Optional.of(URI.create(url)).filter(uri -> uri.getHost() != null);
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static AwsCredentialsProvider credentials(Map<String, String> environment) {
        Optional<String> key = Environment.first(environment, "AWS_ACCESS_KEY_ID");
        Optional<String> secret = Environment.first(environment, "AWS_SECRET_ACCESS_KEY");
        if (key.isEmpty() || secret.isEmpty()) {
            // A profile, or what a machine or a pod is given.
            return DefaultCredentialsProvider.builder().build();
        }
        return StaticCredentialsProvider.create(Environment.first(environment, "AWS_SESSION_TOKEN")
                .<AwsCredentials>map(session -> AwsSessionCredentials.create(key.get(), secret.get(), session))
                .orElseGet(() -> AwsBasicCredentials.create(key.get(), secret.get())));
    }
}
