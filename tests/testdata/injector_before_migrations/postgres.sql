CREATE TABLE public.injector_configurations (
    id character varying(63) NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL,
    description text NOT NULL,
    open_notifications_enabled boolean NOT NULL,
    open_statistics_enabled boolean NOT NULL,
    pixel_base_url text NOT NULL,
    pixel_placement text NOT NULL,
    privacy_level integer NOT NULL,
    notified_headers json NOT NULL,
    senders json NOT NULL,
    create_time_us bigint NOT NULL,
    update_time_us bigint NOT NULL,
    etag text NOT NULL
);

CREATE TABLE public.injector_senders (
    sender_key text NOT NULL,
    configuration_id character varying(63) NOT NULL COLLATE pg_catalog."C"
);

CREATE TABLE public.injector_state (
    id integer NOT NULL,
    schema_version integer NOT NULL,
    generation bigint NOT NULL
);

CREATE SEQUENCE public.injector_state_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE public.injector_state_id_seq OWNED BY public.injector_state.id;

ALTER TABLE ONLY public.injector_state ALTER COLUMN id SET DEFAULT nextval('public.injector_state_id_seq'::regclass);

INSERT INTO public.injector_configurations VALUES ('full', 'Rundbrief · рассылка 📬', 'With ''quotes'', "more" and
lines', true, true, 'https://t.example.com/x', 'start', 3, '["X-Campaign", "List-Id"]', '["News@Example.com", "m\u00fcnchen.example"]', 1795735589159565, 1795735589159565, '5244f0421eff3e3c');
INSERT INTO public.injector_configurations VALUES ('plain', '', 'twice', false, false, '', 'end', 1, '[]', '[]', 1795735589167371, 1795735589170187, '69a91289308b5c27');

INSERT INTO public.injector_senders VALUES ('news@example.com', 'full');
INSERT INTO public.injector_senders VALUES ('xn--mnchen-3ya.example', 'full');

INSERT INTO public.injector_state VALUES (1, 1, 3);

SELECT pg_catalog.setval('public.injector_state_id_seq', 1, false);

ALTER TABLE ONLY public.injector_configurations
    ADD CONSTRAINT injector_configurations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.injector_senders
    ADD CONSTRAINT injector_senders_pkey PRIMARY KEY (sender_key);

ALTER TABLE ONLY public.injector_state
    ADD CONSTRAINT injector_state_pkey PRIMARY KEY (id);

CREATE INDEX ix_injector_senders_configuration_id ON public.injector_senders USING btree (configuration_id);

ALTER TABLE ONLY public.injector_senders
    ADD CONSTRAINT injector_senders_configuration_id_fkey FOREIGN KEY (configuration_id) REFERENCES public.injector_configurations(id) ON DELETE CASCADE;
